# SPDX-License-Identifier: MIT
"""fmgcam from Python: one file to copy, on top of ctypes and numpy.

    import fmgcam

    with fmgcam.Context(activation="gelu") as context:
        found = context.explain(activations, gradients=gradients,
                                wanted=("maps", "winner"))
    found.maps, found.winner

Where a tensor is taken it may be a numpy array, a torch tensor in CPU memory,
anything else with __dlpack__, or what numpy.asarray() takes. It is read where
it lies, with its strides; only memory that C cannot read as it is (of the
other byte order, unaligned) is copied. Integers are given as Quantized. A
torch tensor on a graph is read as if detached.

Options have the names of fmgcam_options and values those of the enumerators:
FMGCAM_METHOD_LAYER_CAM is method="layer_cam". fmgcam.h describes them all.

A failure of the library is an Error; what this module itself refuses is a
TypeError or a ValueError. The library is the file that the environment
variable FMGCAM_LIBRARY names, or else what the loader finds.
"""

import concurrent.futures
import contextlib
import ctypes
import dataclasses
import os
import reprlib
import sys
import threading
import typing
import weakref

import numpy

WRITTEN_FOR = (0, 1, 0)  # of the library, whose older versions lack something

# Enumerators in the order of their numbers, which begin at 1.
FLOATS = ("float32", "float16", "float64", "bfloat16")
INTEGERS = ("int8", "uint8")
DTYPES = FLOATS + INTEGERS
OPTIONS = {
    "profile": ("standard", "released"),
    "method": ("grad_cam", "grad_cam_plus_plus", "grad_cam_plus_plus_stable",
               "xgrad_cam", "layer_cam", "hires_cam", "element_wise",
               "contrastive", "eigen_cam", "eigen_grad_cam", "fem"),
    "activation": ("relu", "gelu", "elu", "none"),
    "filter": ("argmax", "none"),
    "normalize": ("l2", "l2_columns", "none", "max", "probability"),
    "rescale": ("stack", "class", "none"),
    "arithmetic": ("auto", "blas", "reproducible"),
    "fuse_at": ("map", "image"),
    "resample": ("nearest", "bilinear", "bicubic"),
    "blend": ("evidence", "constant"),
    "target": ("logit", "softmax", "sigmoid"),
    "non_finite": ("error", "skip", "propagate"),
    "layer_fusion": ("mean", "maximum", "product"),
    "palette": ("okabe_ito", "tol", "released"),
    "color_map": ("class", "viridis", "magma", "turbo", "jet", "grey",
                  "diverging"),
}
CHOICES = ("top", "mass", "probability", "thresholds", "gap")
LINKS = ("softmax", "sigmoid", "none")
PIXELS = ("rgb8", "bgr8", "rgba8", "bgra8", "grey8")
CHANNELS = dict(zip(PIXELS, (3, 3, 4, 4, 1)))
ALPHA_SET, UNSEEN_KEPT = 1, 2  # bits of fmgcam_options.flags
RESULT_FLAT = 1
LIMIT_EIGEN = 1
LOG_ERROR, LOG_INFO = 1, 2


class Error(Exception):
    """A call of the library failed."""

    def __init__(self, status, detail):
        super().__init__(detail)
        self.status = status  # FMGCAM_STATUS_*
        self.detail = detail


def _expect(fits, name, value, expected, error=ValueError):
    """Refuse an argument that does not fit."""
    if not fits:
        raise error(f"{name}: {reprlib.repr(value)}, expected {expected}"
                    ) from None


_NUMBERS = {ctypes.c_uint32: "an integer in 0...2^32-1",
            ctypes.c_float: "a number"}


def _number(name, value, kind=ctypes.c_uint32):
    """The number that C sees: what it is to be, neither cut nor wrapped."""
    expected = _NUMBERS[kind]
    try:
        number = kind(value).value
    except TypeError:
        _expect(False, name, value, expected, TypeError)
    _expect(kind is ctypes.c_float or number == value, name, value, expected)
    return number


# ---- The structs of fmgcam.h -----------------------------------------------


class _Struct(ctypes.Structure):
    """A struct made of its members' names, which knows its size if it must."""

    def __init__(self, **members):
        super().__init__()
        kinds = dict(self._fields_)
        if "struct_size" in kinds:
            members["struct_size"] = ctypes.sizeof(self)
        for name, value in members.items():
            if name not in kinds:
                raise TypeError(f"{name}: there is no such member")
            if kinds[name] in _NUMBERS:
                value = _number(name, value, kinds[name])
            setattr(self, name, value)


def _all(kind, names):
    return [(name, kind) for name in names.split()]


_U32, _SIZE, _POINTER = ctypes.c_uint32, ctypes.c_size_t, ctypes.c_void_p


class Tensor(_Struct):
    _fields_ = [("data", _POINTER), *_all(_U32, "dtype rank"),
                *_all(ctypes.c_int64 * 8, "shape strides")]


class Quantization(_Struct):
    _fields_ = [("struct_size", _SIZE), *_all(_POINTER, "scales zero_points"),
                *_all(_U32, "count axis")]


class Buffer(_Struct):
    _fields_ = [("data", _POINTER), ("size_bytes", _SIZE)]


class Options(_Struct):
    _fields_ = [("struct_size", _SIZE),
                *_all(_U32, "flags profile method activation filter normalize "
                            "rescale arithmetic fuse_at resample blend"),
                ("alpha", ctypes.c_float),
                *_all(_U32, "target non_finite layer_fusion spatial_axes "
                            "palette color_map")]


class Limits(_Struct):
    _fields_ = [("struct_size", _SIZE),
                *_all(_U32, "classes channels map_height map_width "
                            "picture_height picture_width workers flags "
                            "map_depth batch tracked_scores smoothed_classes")]


class Inputs(_Struct):
    _fields_ = [("struct_size", _SIZE),
                *_all(ctypes.POINTER(Tensor),
                      "activations gradients weights classifier bias scores "
                      "probabilities"),
                ("classes", _POINTER), *_all(_U32, "class_count flags"),
                *_all(ctypes.POINTER(Quantization),
                      "activations_quantization gradients_quantization "
                      "weights_quantization classifier_quantization "
                      "bias_quantization scores_quantization")]


class Outputs(_Struct):
    _fields_ = [("struct_size", _SIZE),
                *_all(Buffer, "weights signed_maps class_maps winner "
                              "filtered_maps normalized_maps maps"),
                *_all(_U32, "flags result"), ("margin", Buffer),
                *_all(ctypes.c_uint64, "guarded non_finite")]


class Image(_Struct):
    _fields_ = [("data", _POINTER), ("row_stride_bytes", ctypes.c_int64),
                *_all(_U32, "width height format flags")]


class Layers(_Struct):
    _fields_ = [("struct_size", _SIZE),
                *_all(ctypes.POINTER(Tensor), "maps signed_maps"),
                ("colors", _POINTER),
                ("probabilities", ctypes.POINTER(Tensor)),
                *_all(_POINTER, "classes geometry")]


class Choice(_Struct):
    _fields_ = [("struct_size", _SIZE), *_all(_U32, "rule link count"),
                *_all(ctypes.c_float, "threshold temperature"),
                ("flags", _U32), ("thresholds", _POINTER),
                ("scores_quantization", ctypes.POINTER(Quantization))]


# ---- The library -----------------------------------------------------------

_STATUS = ctypes.c_int32
_LOG = ctypes.CFUNCTYPE(None, _POINTER, _U32, ctypes.c_char_p)
_TASK = ctypes.CFUNCTYPE(None, _POINTER, _U32, _U32)
_RUN = ctypes.CFUNCTYPE(_STATUS, _POINTER, _TASK, _POINTER, _U32)
_to = ctypes.POINTER
_FUNCTIONS = {  # what they return, what they take
    "version": (_U32,),
    "build_info": (ctypes.c_char_p,),
    "create": (_STATUS, _POINTER, _to(_POINTER), ctypes.c_char_p, _SIZE),
    "destroy": (None, _POINTER),
    "error_detail": (ctypes.c_char_p, _POINTER),
    "set_options": (_STATUS, _POINTER, _to(Options)),
    "get_options": (_STATUS, _POINTER, _to(Options)),
    "set_log": (_STATUS, _POINTER, _LOG, _POINTER),
    "set_runner": (_STATUS, _POINTER, _RUN, _POINTER, _U32),
    "reserve": (_STATUS, _POINTER, _to(Limits)),
    "explain": (_STATUS, _POINTER, _to(Inputs), _to(Outputs)),
    "choose_classes": (_STATUS, _POINTER, _to(Choice), _to(Tensor),
                       _to(Buffer), _to(Buffer), _to(_U32)),
    "draw_overlay": (_STATUS, _POINTER, _to(Layers), _to(Image), _to(Image)),
}


def _load():
    name = os.environ.get("FMGCAM_LIBRARY") or {
        "win32": "libfmgcam-0.dll", "darwin": "libfmgcam.0.dylib",
    }.get(sys.platform, "libfmgcam.so.0")
    library = ctypes.CDLL(name)
    for function, (result, *arguments) in _FUNCTIONS.items():
        entry = getattr(library, "fmgcam_" + function)
        entry.restype, entry.argtypes = result, arguments
    return library


def check_version(number):
    """Refuse a library that is older than this module, or of another major."""
    found = (number >> 16, number >> 8 & 255, number & 255)
    if found[0] != WRITTEN_FOR[0] or found < WRITTEN_FOR:
        raise ImportError("fmgcam.py is for version %d.%d.%d of the library "
                          "or newer, found %d.%d.%d" % (WRITTEN_FOR + found))


_library = _load()
check_version(_library.fmgcam_version())


def version():
    """The version of the library, as (major, minor, patch)."""
    number = _library.fmgcam_version()
    return number >> 16, number >> 8 & 255, number & 255


def build_info():
    """One line for bug reports."""
    return _library.fmgcam_build_info().decode()


# ---- Memory of arrays and tensors ------------------------------------------


class _DLTensor(ctypes.Structure):
    """As dlpack.h has it: what a capsule of that name points to."""

    _fields_ = [("data", ctypes.c_void_p),
                ("device_type", ctypes.c_int32),
                ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32),
                ("code", ctypes.c_uint8),
                ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


_DL_CODES = {0: "int", 1: "uint", 2: "float", 4: "bfloat"}
_DL_HOSTS = (1, 3, 11)  # CPU, and host memory pinned for CUDA and ROCm
_DL_NAMES = {2: "CUDA", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 10: "ROCm",
             14: "oneAPI"}
_capsule_pointer = ctypes.PYFUNCTYPE(
    ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi))


class _View(typing.NamedTuple):
    """Memory that others own: the owner keeps it for as long as it lives."""

    address: int
    dtype: str
    shape: tuple
    strides: tuple  # in elements
    writable: bool
    owner: object


def _view_array(array, write):
    size = array.itemsize
    if not (array.dtype.isnative and array.flags.aligned
            and all(stride % size == 0 for stride in array.strides)):
        if write:
            raise ValueError("unaligned or of foreign byte order")
        array = array.astype(array.dtype.newbyteorder("="), order="C")
    strides = tuple(stride // size for stride in array.strides)
    return _View(array.__array_interface__["data"][0], array.dtype.name,
                 array.shape, strides, array.flags.writeable, array)


def _view_dlpack(value):
    """The capsule is not consumed but kept: it releases the memory itself."""
    if getattr(value, "requires_grad", False):
        value = value.detach()
    if hasattr(value, "resolve_neg"):  # torch: a minus that is yet to come
        value = value.resolve_neg()
    device = int(value.__dlpack_device__()[0])
    if device not in _DL_HOSTS:
        raise TypeError("in memory of %s, not of the CPU; copy it there first"
                        % _DL_NAMES.get(device, "DLPack device %d" % device))
    capsule = value.__dlpack__()
    t = _DLTensor.from_address(_capsule_pointer(capsule, b"dltensor"))
    shape = tuple(t.shape[:t.ndim])
    if t.strides:
        strides = tuple(t.strides[:t.ndim])
    else:
        strides = tuple(int(numpy.prod(shape[axis + 1:], dtype=numpy.int64))
                        for axis in range(t.ndim))
    dtype = "%s%d" % (_DL_CODES.get(t.code, "DLPack code %d, bits " % t.code),
                      t.bits) + (" x %d" % t.lanes if t.lanes != 1 else "")
    return _View((t.data or 0) + t.byte_offset, dtype, shape, strides, True,
                 (value, capsule))


def _view(name, value, write=False):
    """What @p value is, as C sees it; @p name is for the error."""
    try:
        if not isinstance(value, numpy.ndarray) and hasattr(value,
                                                            "__dlpack__"):
            return _view_dlpack(value)
        if write and not isinstance(value, numpy.ndarray):
            raise TypeError("a %s cannot be written to" % type(value).__name__)
        return _view_array(numpy.asarray(value), write)
    except (TypeError, ValueError, BufferError, RuntimeError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{name}: {error}") from error


class Quantized(typing.NamedTuple):
    """Integers, and what they mean: scale * (q - zero_point).

    One scale for all, or one for each index of the axis."""

    values: object
    scales: object
    zero_points: object = 0
    axis: int = 0


def _tensor(name, value):
    """A Tensor with the owner of its memory, and a Quantization or None."""
    quantization, dtypes, others = None, FLOATS, ""
    if isinstance(value, Quantized):
        quantization, dtypes = _quantization(value), INTEGERS
        value = value.values
    elif hasattr(Inputs, name + "_quantization"):
        others = "; integers are given as fmgcam.Quantized(values, scales)"
    view = _view(name, value)
    if view.dtype not in dtypes:
        raise TypeError(f"{name}: dtype {view.dtype}, expected one of "
                        + ", ".join(dtypes) + others)
    if len(view.shape) > 8:
        raise ValueError(f"{name}: rank {len(view.shape)}, at most 8")
    tensor = Tensor(data=view.address, dtype=DTYPES.index(view.dtype) + 1,
                    rank=len(view.shape))
    tensor.shape[:tensor.rank] = view.shape
    tensor.strides[:tensor.rank] = view.strides
    tensor.owner, tensor.quantization = view.owner, quantization
    return tensor


def _quantization(quantized):
    scales = numpy.atleast_1d(numpy.asarray(quantized.scales, numpy.float32))
    zeros = numpy.asarray(quantized.zero_points, numpy.int32)
    zeros = numpy.ascontiguousarray(numpy.broadcast_to(zeros, scales.shape))
    scales = numpy.ascontiguousarray(scales)
    struct = Quantization(scales=scales.ctypes.data,
                          zero_points=zeros.ctypes.data, count=scales.size,
                          axis=quantized.axis)
    struct.owner = scales, zeros
    return struct


def _members(tensors):
    """Pointers to the tensors that are given, and to their quantizations."""
    members = {}
    for name, tensor in tensors.items():
        members[name] = ctypes.pointer(tensor)
        if tensor.quantization is not None:
            members[name + "_quantization"] = ctypes.pointer(
                tensor.quantization)
    return members


def _is_contiguous(shape, strides):
    step = 1
    for extent, stride in zip(reversed(shape), reversed(strides)):
        if extent != 1 and stride != step:
            return False
        step *= extent
    return True


def _buffer(name, value, dtype, shape):
    """The Buffer of an output: exactly this dtype and shape, contiguous."""
    view = _view(name, value, write=True)
    if (view.dtype, view.shape) != (dtype, tuple(shape)):
        raise ValueError(f"{name}: {view.dtype} {list(view.shape)}, expected "
                         f"{dtype} {list(shape)}")
    if not _is_contiguous(view.shape, view.strides):
        raise ValueError(f"{name}: not contiguous")
    if not view.writable:
        raise ValueError(f"{name}: read-only")
    size = 4 * int(numpy.prod(view.shape, dtype=numpy.int64))
    buffer = Buffer(data=view.address, size_bytes=size)
    buffer.owner = view.owner
    return buffer


def _image(name, pixels, layout, write):
    """The Image of uint8 [H, W] or [H, W, channels]; rows may be anywhere."""
    view = _view(name, pixels, write)
    channels = view.shape[2] if len(view.shape) == 3 else 1
    if layout is None:
        layout = {1: "grey8", 4: "rgba8"}.get(channels, "rgb8")
    number = _enumerator("layout", layout, PIXELS)
    if (view.dtype != "uint8" or len(view.shape) not in (2, 3)
            or channels != CHANNELS.get(layout)):
        raise ValueError(f"{name}: {view.dtype} {list(view.shape)}, expected "
                         f"uint8 [H, W, channels] of layout {layout}")
    if not _is_contiguous(view.shape[1:], view.strides[1:]):
        raise ValueError(f"{name}: the pixels of a row must be contiguous")
    if write and not view.writable:
        raise ValueError(f"{name}: read-only")
    height, width = view.shape[:2]
    stride = view.strides[0] if height > 1 else width * channels
    image = Image(data=view.address, row_stride_bytes=stride, height=height,
                  width=width, format=number)
    image.owner = view.owner
    return image


def _indices(name, values):
    array = numpy.asarray(values)
    fits = array.ndim == 1 and (not array.size or (
        array.dtype.kind in "iu" and 0 <= array.min()
        and array.max() < 2**32))
    _expect(fits, name, values, "a list of integers in 0...2^32-1")
    return numpy.ascontiguousarray(array, numpy.uint32)


def _enumerator(name, value, names):
    """The number of a value: its name, or a number that is passed as it is."""
    if hasattr(value, "__index__"):
        return value
    key = str(value).replace("-", "_").lower()
    _expect(key in names, name, value, "one of " + ", ".join(names))
    return names.index(key) + 1


def _name(number, names):
    return names[number - 1] if number <= len(names) else number


def _options(unseen_kept=False, **given):
    members = {name: _enumerator(name, value, OPTIONS[name])
               if name in OPTIONS else value for name, value in given.items()}
    members["flags"] = ((ALPHA_SET if "alpha" in given else 0)
                        | (UNSEEN_KEPT if unseen_kept else 0))
    return Options(**members)


# ---- Contexts --------------------------------------------------------------


@dataclasses.dataclass
class Explanation:
    """What was wanted of one picture; None what was not."""

    weights: object = None          # float32 [K, C]
    signed_maps: object = None      # float32 [K, H, W]
    class_maps: object = None       # float32 [K, H, W]: Grad-CAM of each class
    winner: object = None           # int32 [H, W]: a rank, or -1
    filtered_maps: object = None    # float32 [K, H, W]
    normalized_maps: object = None  # float32 [K, H, W]
    maps: object = None             # float32 [K, H, W]: the result
    margin: object = None           # float32 [H, W]
    flat: bool = False              # there is nothing to see
    guarded: int = 0
    non_finite: int = 0


class Context:
    """Options, workspace, and the callbacks: one thread at a time.

    log is called with a level (LOG_*) and a text. With threads > 0 the work is
    spread over as many. All other keywords are options."""

    def __init__(self, *, log=None, threads=0, **options):
        handle, text = ctypes.c_void_p(), ctypes.create_string_buffer(256)
        status = _library.fmgcam_create(None, ctypes.byref(handle), text, 256)
        if status:
            raise Error(status, text.value.decode())
        self._handle = handle
        self._close = weakref.finalize(self, _library.fmgcam_destroy, handle)
        self._busy = threading.Lock()
        self._raised = None  # in a callback
        self._pool = None
        self._callbacks = []  # ctypes's, alive for as long as the context
        try:
            self.set_options(**options)
            if log is not None:
                self._set_log(log)
            if threads:
                self._set_threads(_number("threads", threads))
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Release the memory. The context cannot be used any more."""
        with self._alone():
            self._close()
            self._handle = None
        if self._pool is not None:
            self._pool.shutdown()

    @contextlib.contextmanager
    def _alone(self):
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("the context is in another call: it serves one "
                               "thread at a time, and none of its callbacks")
        try:
            yield
        finally:
            self._busy.release()

    def _call(self, function, *arguments):
        """Call, and raise what the library or a callback has to say."""
        with self._alone():
            if self._handle is None:
                raise ValueError("the context is closed")
            status = getattr(_library, "fmgcam_" + function)(self._handle,
                                                             *arguments)
            raised, self._raised = self._raised, None
            if raised is not None:
                raise raised
            if status:
                detail = _library.fmgcam_error_detail(self._handle)
                raise Error(status, detail.decode("utf-8", "replace"))

    def _set_log(self, log):
        _expect(callable(log), "log", log,
                "a function of a level and a text", TypeError)

        def forward(_, level, message):
            try:
                log(level, message.decode("utf-8", "replace"))
            except BaseException as error:
                self._raised = error

        self._callbacks.append(_LOG(forward))
        self._call("set_log", self._callbacks[-1], None)

    def _set_threads(self, threads):
        self._pool = pool = concurrent.futures.ThreadPoolExecutor(threads)

        def run(_, task, job, count):
            def work(worker):
                for index in range(worker, count, threads):
                    task(job, index, worker)

            try:
                list(pool.map(work, range(min(threads, count))))
            except BaseException as error:
                self._raised = error
                return 1
            return 0

        self._callbacks.append(_RUN(run))
        self._call("set_runner", self._callbacks[-1], None, threads)

    def set_options(self, **options):
        """Use these options, and the defaults of all others, from now on."""
        struct = _options(**options)
        self._call("set_options", ctypes.byref(struct))

    @property
    def options(self):
        """The options in force, all defaults filled in, as set_options() takes
        them."""
        struct = Options()
        self._call("get_options", ctypes.byref(struct))
        found = {name: _name(getattr(struct, name), names)
                 for name, names in OPTIONS.items()}
        found.update(alpha=struct.alpha, spatial_axes=struct.spatial_axes,
                     unseen_kept=bool(struct.flags & UNSEEN_KEPT))
        return found

    def reserve(self, *, eigen=False, **limits):
        """Allocate all that calls within these fmgcam_limits need."""
        struct = Limits(flags=LIMIT_EIGEN if eigen else 0, **limits)
        self._call("reserve", ctypes.byref(struct))

    def explain(self, activations, *, gradients=None, weights=None,
                classifier=None, scores=None, probabilities=None, classes=None,
                wanted=("maps",), out=None):
        """Explain one picture: fmgcam_explain().

        wanted names the members of the Explanation to compute, or the one.
        out maps some of them to memory to write to, contiguous and of their
        dtype and shape."""
        given = dict(activations=activations, gradients=gradients,
                     weights=weights, classifier=classifier, scores=scores,
                     probabilities=probabilities)
        tensors = {name: _tensor(name, value)
                   for name, value in given.items() if value is not None}
        inputs = Inputs(**_members(tensors))
        if classes is not None:
            classes = _indices("classes", classes)
            inputs.classes = classes.ctypes.data
            inputs.class_count = classes.size
        shapes = self._shapes(tensors, inputs.class_count)
        arrays = dict(out or {})
        if isinstance(wanted, str) or not hasattr(wanted, "__iter__"):
            wanted = (wanted,)
        for name in (*wanted, *arrays):
            _expect(name in shapes, "wanted", name,
                    "some of " + ", ".join(shapes))
            if name not in arrays:
                arrays[name] = numpy.empty(shapes[name], _output_dtype(name))
        buffers = {
            name: _buffer(name, array, _output_dtype(name), shapes[name])
            for name, array in arrays.items()}
        outputs = Outputs(**buffers)
        self._call("explain", ctypes.byref(inputs),
                   ctypes.byref(outputs))
        return Explanation(**arrays, flat=bool(outputs.result & RESULT_FLAT),
                           guarded=outputs.guarded,
                           non_finite=outputs.non_finite)

    def _shapes(self, tensors, class_count):
        """The shape of each output. Where inputs do not fit each other it is
        some shape, and the library says what is wrong."""
        axes = self.options["spatial_axes"]
        activations = tensors.get("activations", Tensor())
        shape = tuple(activations.shape[:activations.rank])
        channels, cells = shape[-axes - 1:-axes], shape[-axes:]
        classes = class_count or 1
        for name, rank in (("gradients", axes + 2), ("weights", 2),
                           ("classifier", 2)):
            if not class_count and name in tensors:
                full = tensors[name].rank == rank
                classes = tensors[name].shape[0] if full else 1
        maps = (classes, *cells)
        return dict(weights=(classes, *channels), signed_maps=maps,
                    class_maps=maps, winner=cells, filtered_maps=maps,
                    normalized_maps=maps, maps=maps, margin=cells)

    def choose_classes(self, scores, rule="top", *, link="softmax", count=0,
                       threshold=0.0, temperature=0.0, thresholds=None):
        """The classes to explain, best first, and their probabilities."""
        tensor = _tensor("scores", scores)
        n = max(tensor.shape[:tensor.rank], default=0)
        choice = Choice(rule=_enumerator("rule", rule, CHOICES),
                        link=_enumerator("link", link, LINKS), count=count,
                        threshold=threshold, temperature=temperature)
        if tensor.quantization is not None:
            choice.scores_quantization = ctypes.pointer(tensor.quantization)
        if thresholds is not None:
            thresholds = numpy.ascontiguousarray(thresholds, numpy.float32)
            if thresholds.shape != (n,):
                raise ValueError(f"thresholds: shape {thresholds.shape}, "
                                 f"expected ({n},)")
            choice.thresholds = thresholds.ctypes.data
        classes, chosen = numpy.empty(n, numpy.uint32), _U32()
        probabilities = numpy.empty(n, numpy.float32)
        self._call("choose_classes", ctypes.byref(choice),
                   ctypes.byref(tensor),
                   ctypes.byref(_buffer("classes", classes, "uint32", (n,))),
                   ctypes.byref(_buffer("probabilities", probabilities,
                                        "float32", (n,))),
                   ctypes.byref(chosen))
        return classes[:chosen.value], probabilities[:chosen.value]

    def draw_overlay(self, picture, maps=None, *, signed_maps=None,
                     colors=None, probabilities=None, classes=None,
                     layout=None, overlay=None):
        """Draw the maps over the picture, uint8 [H, W, channels], in place or
        into overlay, and return that. layout is one of PIXELS; the default is
        grey8, rgb8 or rgba8."""
        given = dict(maps=maps, signed_maps=signed_maps,
                     probabilities=probabilities)
        tensors = {name: _tensor(name, value)
                   for name, value in given.items() if value is not None}
        layers = Layers(**_members(tensors))
        count = max((t.shape[0] for t in tensors.values()), default=0)
        if colors is not None:
            colors = numpy.ascontiguousarray(colors, numpy.uint8)
            if colors.shape != (count, 3):
                raise ValueError(f"colors: shape {list(colors.shape)}, "
                                 f"expected [{count}, 3]")
            layers.colors = colors.ctypes.data
        if classes is not None:
            classes = _indices("classes", classes)
            if classes.size != count:
                raise ValueError(f"classes: {classes.size}, expected {count}")
            layers.classes = classes.ctypes.data
        target = picture if overlay is None else overlay
        source = _image("picture", picture, layout, write=overlay is None)
        result = _image("overlay", target, layout, write=True)
        self._call("draw_overlay", ctypes.byref(layers),
                   ctypes.byref(source), ctypes.byref(result))
        return target


def _output_dtype(name):
    return "int32" if name == "winner" else "float32"
