// SPDX-License-Identifier: MIT
// fmgcam from Node.js, through koffi: class activation maps of typed arrays.
//
//   import { Context, tensor } from './fmgcam.mjs';
//
//   const context = new Context({ activation: 'gelu' });
//   const found = context.explain({
//     activations: tensor(a, [1280, 7, 7], { dtype: 'float16' }),
//     gradients: tensor(g, [5, 1280, 7, 7], { dtype: 'float16' }),
//   }, { wanted: ['maps', 'winner'] });
//   context.close();
//
// C reads and writes typed arrays where they lie. Members of objects have the
// names of the structs of fmgcam.h, and values those of its enumerators:
// FMGCAM_METHOD_LAYER_CAM is method: 'layer_cam'. That header describes them.
//
// A failure of the library is an FmgcamError; what this module itself refuses is
// a TypeError or a RangeError. The library is the file that the environment
// variable FMGCAM_LIBRARY names, or else what the loader finds.
import { inspect } from 'node:util';
import koffi from 'koffi';

// Of the library, as FMGCAM_VERSION: older ones lack something.
const WRITTEN_FOR = 0x000100;

// Enumerators in the order of their numbers, which begin at 1.
export const ENUMERATORS = {
  dtype: ['float32', 'float16', 'float64', 'bfloat16', 'int8', 'uint8'],
  profile: ['standard', 'released'],
  method: ['grad_cam', 'grad_cam_plus_plus', 'grad_cam_plus_plus_stable',
    'xgrad_cam', 'layer_cam', 'hires_cam', 'element_wise', 'contrastive',
    'eigen_cam', 'eigen_grad_cam', 'fem'],
  activation: ['relu', 'gelu', 'elu', 'none'],
  filter: ['argmax', 'none'],
  normalize: ['l2', 'l2_columns', 'none', 'max', 'probability'],
  rescale: ['stack', 'class', 'none'],
  arithmetic: ['auto', 'blas', 'reproducible'],
  fuse_at: ['map', 'image'],
  resample: ['nearest', 'bilinear', 'bicubic'],
  blend: ['evidence', 'constant'],
  target: ['logit', 'softmax', 'sigmoid'],
  non_finite: ['error', 'skip', 'propagate'],
  layer_fusion: ['mean', 'maximum', 'product'],
  palette: ['okabe_ito', 'tol', 'released'],
  color_map: ['class', 'viridis', 'magma', 'turbo', 'jet', 'grey', 'diverging'],
  choice: ['top', 'mass', 'probability', 'thresholds', 'gap'],
  link: ['softmax', 'sigmoid', 'none'],
  pixel: ['rgb8', 'bgr8', 'rgba8', 'bgra8', 'grey8'],
};
export const BITS = { OPTION_ALPHA_SET: 1, OPTION_UNSEEN_KEPT: 2, RESULT_FLAT: 1 };

export class FmgcamError extends Error {
  constructor(status, detail) {
    super(detail);
    this.name = 'FmgcamError';
    this.status = status; // FMGCAM_STATUS_*
  }
}

// ---- What arguments are to be ------------------------------------------------

function expect(fits, name, value, expected, Kind = TypeError) {
  if (!fits) {
    const found = inspect(value, { depth: 0, maxArrayLength: 4, maxStringLength: 80,
      breakLength: Infinity });
    throw new Kind(`${name}: ${found}, expected ${expected}`);
  }
  return value;
}

const integer = (name, value, low = 0, high = 2 ** 32 - 1) =>
  expect(Number.isInteger(value) && value >= low && value <= high, name, value,
    `an integer in ${low} to ${high}`, RangeError);

const number = (name, value) => expect(typeof value === 'number', name, value, 'a number');

function list(name, value, length = value?.length) {
  const isList = Array.isArray(value) ||
    (ArrayBuffer.isView(value) && !(value instanceof DataView));
  expect(isList, name, value, 'an array');
  expect(value.length === length, `${name}.length`, value.length, length, RangeError);
  return value;
}

// An object with these members at most.
function known(kind, given, names) {
  expect(typeof given === 'object' && given !== null, kind, given,
    `an object with some of ${names.join(', ')}`);
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) {
      throw new TypeError(`${kind}.${name}: there is no such member`);
    }
  }
}

// ---- The structs of fmgcam.h -------------------------------------------------

const all = (type, names) =>
  Object.fromEntries(names.split(' ').map((name) => [name, type]));
const sized = (members) => ({ struct_size: 'size_t', ...members });
const declare = (name, members) => koffi.struct('fmgcam_' + name, members);
const pointer = (type) => koffi.pointer(type);

const tensorType = declare('tensor', {
  data: 'void *', dtype: 'uint32', rank: 'uint32',
  ...all(koffi.array('int64', 8), 'shape strides'),
});
const quantizationType = declare('quantization', sized({
  scales: 'void *', zero_points: 'void *', count: 'uint32', axis: 'uint32',
}));
const bufferType = declare('buffer', { data: 'void *', size_bytes: 'size_t' });
export const STRUCTS = {
  tensor: tensorType,
  quantization: quantizationType,
  buffer: bufferType,
  options: declare('options', sized({
    ...all('uint32', 'flags profile method activation filter normalize rescale ' +
                     'arithmetic fuse_at resample blend'),
    alpha: 'float',
    ...all('uint32', 'target non_finite layer_fusion spatial_axes palette ' +
                     'color_map'),
  })),
  limits: declare('limits', sized(
    all('uint32', 'classes channels map_height map_width picture_height ' +
                  'picture_width workers flags map_depth batch tracked_scores ' +
                  'smoothed_classes'))),
  inputs: declare('inputs', sized({
    ...all(pointer(tensorType), 'activations gradients weights classifier bias ' +
                                'scores probabilities'),
    classes: 'void *', class_count: 'uint32', flags: 'uint32',
    ...all(pointer(quantizationType),
      'activations_quantization gradients_quantization weights_quantization ' +
      'classifier_quantization bias_quantization scores_quantization'),
  })),
  outputs: declare('outputs', sized({
    ...all(bufferType, 'weights signed_maps class_maps winner filtered_maps ' +
                       'normalized_maps maps'),
    flags: 'uint32', result: 'uint32', margin: bufferType,
    guarded: 'uint64', non_finite: 'uint64',
  })),
  image: declare('image', {
    data: 'void *', row_stride_bytes: 'int64',
    ...all('uint32', 'width height format flags'),
  }),
  layers: declare('layers', sized({
    ...all(pointer(tensorType), 'maps signed_maps'), colors: 'void *',
    probabilities: pointer(tensorType), classes: 'void *', geometry: 'void *',
  })),
  choice: declare('choice', sized({
    ...all('uint32', 'rule link count'), ...all('float', 'threshold temperature'),
    flags: 'uint32', thresholds: 'void *',
    scores_quantization: pointer(quantizationType),
  })),
};

// A struct with the size that it has; koffi makes zeros of what is not there.
const struct = (name, members) =>
  ({ struct_size: koffi.sizeof(STRUCTS[name]), ...members });

// ---- The library -------------------------------------------------------------

koffi.opaque('fmgcam_context');
koffi.proto('void fmgcam_log_fn(void *opaque, uint32 level, const char *message)');
const library = koffi.load(process.env.FMGCAM_LIBRARY ||
  { win32: 'libfmgcam-0.dll', darwin: 'libfmgcam.0.dylib' }[process.platform] ||
  'libfmgcam.so.0');
export const C = Object.fromEntries([
  'uint32 fmgcam_version()',
  'const char *fmgcam_build_info()',
  'int32 fmgcam_create(void *allocator, _Out_ fmgcam_context **context, ' +
    'void *error, size_t error_size)',
  'void fmgcam_destroy(fmgcam_context *context)',
  'const char *fmgcam_error_detail(fmgcam_context *context)',
  'int32 fmgcam_set_options(fmgcam_context *context, const fmgcam_options *o)',
  'int32 fmgcam_get_options(fmgcam_context *context, _Inout_ fmgcam_options *o)',
  'int32 fmgcam_set_log(fmgcam_context *context, fmgcam_log_fn *log, void *o)',
  'int32 fmgcam_reserve(fmgcam_context *context, const fmgcam_limits *limits)',
  'int32 fmgcam_explain(fmgcam_context *context, const fmgcam_inputs *inputs, ' +
    '_Inout_ fmgcam_outputs *outputs)',
  'int32 fmgcam_choose_classes(fmgcam_context *context, ' +
    'const fmgcam_choice *choice, const fmgcam_tensor *scores, ' +
    'const fmgcam_buffer *classes, const fmgcam_buffer *probabilities, ' +
    '_Out_ uint32 *count)',
  'int32 fmgcam_draw_overlay(fmgcam_context *context, ' +
    'const fmgcam_layers *layers, const fmgcam_image *picture, ' +
    'const fmgcam_image *overlay)',
].map((text) => [text.match(/fmgcam_(\w+)\(/)[1], library.func(text)]));

export function checkVersion(found) {
  if (found >> 16 !== WRITTEN_FOR >> 16 || found < WRITTEN_FOR) {
    throw new Error(`libfmgcam: version 0x${found.toString(16)}, expected ` +
                    `0x${WRITTEN_FOR.toString(16)} or newer`);
  }
}
checkVersion(C.version());

// As FMGCAM_VERSION.
export const version = () => C.version();
export const buildInfo = () => C.build_info();

// ---- Views of typed arrays ---------------------------------------------------

const DTYPES = new Map([
  [Float32Array, ['float32']], [Float64Array, ['float64']], [Int8Array, ['int8']],
  [Uint8Array, ['uint8']], [Uint8ClampedArray, ['uint8']],
  [Uint16Array, ['float16', 'bfloat16']],
  ...(globalThis.Float16Array ? [[globalThis.Float16Array, ['float16']]] : []),
]);

// The number of a value: its name, or a number that is passed as it is.
function enumerator(kind, value, name = kind) {
  const names = ENUMERATORS[kind];
  if (typeof value === 'number') {
    return integer(name, value);
  }
  const at = names.indexOf(String(value).replaceAll('-', '_'));
  expect(at >= 0, name, value, `one of ${names.join(', ')}`, RangeError);
  return at + 1;
}

function dtypeOf(data, dtype) {
  const types = [...DTYPES.keys()];
  const Type = types.find((type) => data instanceof type);
  expect(Type, 'data', data,
    `a typed array: ${types.map((type) => type.name).join(', ')}`);
  const names = DTYPES.get(Type);
  const found = names.length === 1 ? dtype ?? names[0] : dtype;
  expect(names.includes(found), 'dtype', dtype, `${names.join(' or ')} for a ${Type.name}`);
  return ENUMERATORS.dtype.indexOf(found) + 1;
}

// A view of a typed array: nothing is copied, and the array may not be detached
// while it is used. Strides count elements from the element at offset, whose
// indices are all zero; the default is contiguous. The dtype says which 16 bits
// those of a Uint16Array are. quantization is that of integers: { scales,
// zero_points, axis }, arrays of one number or one for each index of the axis.
export function tensor(data, shape, { dtype, strides, offset = 0, quantization } = {}) {
  const kind = dtypeOf(data, dtype);
  const extents = [...list('shape', shape)];
  const rank = extents.length;
  expect(rank <= 8, 'shape.length', rank, '8 at most', RangeError);
  const steps = [...list('strides', strides ?? contiguous(extents), rank)];
  let low = integer('offset', offset, 0, Number.MAX_SAFE_INTEGER);
  let high = low;
  extents.forEach((extent, axis) => {
    integer('shape', extent, 1, 2 ** 31 - 1);
    const reach = (extent - 1) * integer('strides', steps[axis],
      Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    low += Math.min(reach, 0);
    high += Math.max(reach, 0);
  });
  if (low < 0 || high >= data.length || !Number.isSafeInteger(high)) {
    throw new RangeError(`tensor: shape [${shape}], strides [${steps}]: elements ` +
                         `${low} to ${high} of an array of ${data.length}`);
  }
  const filled = (numbers) => [...numbers, ...Array(8 - numbers.length).fill(0)];
  return {
    length: data.length, // as it was checked
    data,
    quantization: quantization && quantizationOf(quantization),
    raw: { data: data.subarray(offset), dtype: kind, rank,
      shape: filled(extents), strides: filled(steps) },
  };
}

function contiguous(shape) {
  let step = 1;
  return [...shape].reverse().map((extent) => {
    const stride = step;
    step *= extent;
    return stride;
  }).reverse();
}

function quantizationOf({ scales, zero_points, axis = 0 }) {
  return struct('quantization', {
    scales: Float32Array.from(list('scales', scales)),
    zero_points: zero_points
      ? Int32Array.from(list('zero_points', zero_points, scales.length)) : null,
    count: scales.length, axis: integer('axis', axis),
  });
}

// Pointers to the tensors that are given, and to their quantizations.
function members(names, given) {
  const found = {};
  for (const name of names) {
    const view = given[name];
    if (view === undefined || view === null) {
      continue;
    }
    expect(view.raw, name, view, 'what tensor(data, shape) makes');
    expect(view.data.length === view.length, name, view.data,
      `its ${view.length} elements, but it was detached`);
    found[name] = view.raw;
    if (view.quantization) {
      found[name + '_quantization'] = view.quantization;
    }
  }
  return found;
}

function indices(name, values) {
  return Uint32Array.from(list(name, values), (value) => integer(name, value));
}

const buffer = (array) => ({ data: array, size_bytes: array.byteLength });

const INPUTS = ['activations', 'gradients', 'weights', 'classifier', 'scores',
  'probabilities'];

function optionsOf({ unseen_kept = false, ...given }) {
  const flags = ('alpha' in given ? BITS.OPTION_ALPHA_SET : 0) |
                (unseen_kept ? BITS.OPTION_UNSEEN_KEPT : 0);
  const found = struct('options', { flags });
  known('options', given, Object.keys(koffi.introspect(STRUCTS.options).members));
  for (const [name, value] of Object.entries(given)) {
    found[name] = name === 'alpha' ? number(name, value)
      : name in ENUMERATORS ? enumerator(name, value) : integer(name, value);
  }
  return found;
}

// The shape of each output. Where inputs do not fit each other it is some shape,
// and the library says what is wrong.
function outputShapes(inputs, classCount, axes) {
  const shapeOf = ({ raw }) => raw.shape.slice(0, raw.rank);
  const shape = inputs.activations ? shapeOf(inputs.activations) : [];
  const cells = shape.slice(-axes);
  const channels = shape.slice(-axes - 1, -axes);
  const ranks = { gradients: axes + 2, weights: 2, classifier: 2 };
  const source = Object.keys(ranks).find((name) => inputs[name]);
  const first = source && inputs[source].raw.rank === ranks[source]
    ? inputs[source].raw.shape[0] : 1;
  const classes = classCount || first;
  const maps = [classes, ...cells];
  return {
    weights: [classes, ...channels], signed_maps: maps, class_maps: maps,
    winner: cells, filtered_maps: maps, normalized_maps: maps, maps, margin: cells,
  };
}

function outputArray(name, shape, given) {
  const Type = name === 'winner' ? Int32Array : Float32Array;
  const length = shape.reduce((product, extent) => product * extent, 1);
  const array = given ?? new Type(length);
  return expect(array instanceof Type && array.length === length, `out.${name}`, array,
    `a ${Type.name} of ${length}`);
}

// { data, width, height, row_stride, format } with data of 8 bits a channel.
function imageOf({ data, width, height, row_stride, format = 'rgb8' }) {
  const pixel = enumerator('pixel', format, 'format');
  const row = integer('width', width, 1) * [3, 3, 4, 4, 1][pixel - 1];
  const stride = integer('row_stride', row_stride ?? row, row, Number.MAX_SAFE_INTEGER);
  const size = (integer('height', height, 1) - 1) * stride + row;
  const isBytes = data instanceof Uint8Array || data instanceof Uint8ClampedArray;
  expect(isBytes && size <= data.length, 'picture.data', data, `a Uint8Array of ${size}`,
    RangeError);
  return { data, row_stride_bytes: stride, width, height, format: pixel, flags: 0 };
}

// ---- Contexts ----------------------------------------------------------------

// What C has of a context; it must not refer to the context, or that would never
// be collected.
function release(held) {
  if (held.handle) {
    C.destroy(held.handle);
    held.handle = null;
  }
  if (held.log) {
    koffi.unregister(held.log);
    held.log = null;
  }
}
const forgotten = new FinalizationRegistry(release);

// Options, workspace and a log: log(level, text). All other members are options.
export class Context {
  #held = { handle: null, log: null, raised: null, busy: false };

  constructor({ log, ...options } = {}) {
    const [made, text] = [[null], new Uint8Array(256)];
    const status = C.create(null, made, text, text.length);
    if (status) {
      throw new FmgcamError(status, koffi.decode(text, 'char', text.length));
    }
    this.#held.handle = made[0];
    forgotten.register(this, this.#held, this);
    try {
      this.setOptions(options);
      if (log) {
        this.#setLog(log);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  // Release the memory. The context cannot be used any more.
  close() {
    this.#checkIdle();
    forgotten.unregister(this);
    release(this.#held);
  }

  #checkIdle() {
    if (this.#held.busy) {
      throw new Error('the context is in another call: it serves none of its log');
    }
  }

  #call(name, ...values) {
    const held = this.#held;
    this.#checkIdle();
    if (!held.handle) {
      throw new Error('the context is closed');
    }
    held.busy = true;
    held.raised = null;
    let status;
    try {
      status = C[name](held.handle, ...values);
    } finally {
      held.busy = false;
    }
    if (held.raised) {
      throw held.raised.error;
    }
    if (status) {
      throw new FmgcamError(status, C.error_detail(held.handle));
    }
  }

  #setLog(log) {
    expect(typeof log === 'function', 'log', log, 'a function of a level and a text');
    const held = this.#held;
    held.log = koffi.register((opaque, level, message) => {
      try {
        log(level, message);
      } catch (error) {
        held.raised = { error };
      }
    }, koffi.pointer('fmgcam_log_fn'));
    this.#call('set_log', held.log, null);
  }

  // Use these options, and the defaults of all others, from now on.
  setOptions(options = {}) {
    this.#call('set_options', optionsOf(options));
  }

  // The options in force, all defaults filled in, as setOptions() takes them.
  get options() {
    const { struct_size, flags, ...found } = this.#getOptions();
    for (const name of Object.keys(found).filter((key) => key in ENUMERATORS)) {
      found[name] = ENUMERATORS[name][found[name] - 1] ?? found[name];
    }
    return { ...found, unseen_kept: (flags & BITS.OPTION_UNSEEN_KEPT) !== 0 };
  }

  #getOptions() {
    const found = struct('options', {});
    this.#call('get_options', found);
    return found;
  }

  // Allocate all that calls within these fmgcam_limits need.
  reserve(limits) {
    known('limits', limits, Object.keys(koffi.introspect(STRUCTS.limits).members));
    for (const [name, value] of Object.entries(limits)) {
      integer(name, value);
    }
    this.#call('reserve', struct('limits', limits));
  }

  // Explain one picture: fmgcam_explain(). inputs has tensors, and classes as an
  // array. wanted names the outputs to compute, or the one; out has typed arrays for
  // some of them to be written to. Returns flat typed arrays, and shape as that of maps.
  explain(inputs, { wanted = ['maps'], out = {} } = {}) {
    known('inputs', inputs, [...INPUTS, 'classes']);
    const raw = struct('inputs', members(INPUTS, inputs));
    if (inputs.classes) {
      raw.classes = indices('classes', inputs.classes);
      raw.class_count = raw.classes.length;
    }
    const axes = this.#getOptions().spatial_axes;
    const shapes = outputShapes(inputs, raw.class_count, axes);
    const outputNames = Object.keys(shapes);
    for (const name of [wanted].flat()) {
      expect(outputNames.includes(name), 'wanted', name,
        `some of ${outputNames.join(', ')}`);
    }
    known('out', out, outputNames);
    const names = [...new Set([wanted, Object.keys(out)].flat())];
    const arrays = Object.fromEntries(names.map((name) =>
      [name, outputArray(name, shapes[name], out[name])]));
    const outputs = struct('outputs', Object.fromEntries(
      names.map((name) => [name, buffer(arrays[name])])));
    this.#call('explain', raw, outputs);
    const { result, guarded, non_finite } = outputs;
    return { ...arrays, shape: shapes.maps, guarded, non_finite,
      flat: (result & BITS.RESULT_FLAT) !== 0 };
  }

  // The classes to explain, best first, and their probabilities.
  chooseClasses(scores, choice = {}) {
    known('choice', choice, ['rule', 'link', 'count', 'threshold', 'temperature',
      'thresholds']);
    const { scores: raw, scores_quantization } = members(['scores'], { scores });
    const n = Math.max(0, ...raw?.shape ?? []);
    const { thresholds, threshold = 0, temperature = 0 } = choice;
    const classes = new Uint32Array(n);
    const probabilities = new Float32Array(n);
    const count = [0];
    this.#call('choose_classes', struct('choice', {
      rule: enumerator('choice', choice.rule ?? 'top', 'rule'),
      link: enumerator('link', choice.link ?? 'softmax'),
      count: integer('count', choice.count ?? 0),
      threshold: number('threshold', threshold),
      temperature: number('temperature', temperature),
      thresholds: thresholds
        ? Float32Array.from(list('thresholds', thresholds, n)) : null,
      scores_quantization,
    }), raw ?? null, buffer(classes), buffer(probabilities), count);
    return { classes: classes.subarray(0, count[0]),
      probabilities: probabilities.subarray(0, count[0]) };
  }

  // Draw the layers over the picture, in place. layers has the tensors maps,
  // signed_maps and probabilities, and for each class a number in classes or
  // [red, green, blue] in colors.
  drawOverlay(picture, layers) {
    const tensors = ['maps', 'signed_maps', 'probabilities'];
    known('layers', layers, [...tensors, 'colors', 'classes']);
    const raw = struct('layers', members(tensors, layers));
    const count = Math.max(0, ...tensors.map((name) => raw[name]?.shape[0] ?? 0));
    for (const name of ['colors', 'classes']) {
      if (layers[name]) {
        list(name, layers[name], count);
      }
    }
    if (layers.colors) {
      raw.colors = Uint8Array.from({ length: 3 * count }, (_, i) =>
        integer('colors', layers.colors[Math.floor(i / 3)][i % 3], 0, 255));
    }
    if (layers.classes) {
      raw.classes = indices('classes', layers.classes);
    }
    known('picture', picture, ['data', 'width', 'height', 'row_stride', 'format']);
    const image = imageOf(picture);
    this.#call('draw_overlay', raw, image, image);
  }
}
