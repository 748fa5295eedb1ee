/* SPDX-License-Identifier: MIT */
/*
 * fmgcam for C++11 and newer, in this header alone; link libfmgcam.
 *
 *   std::vector<float> activations, gradients; // [C, H, W], [K, C, H, W]
 *   fmgcam::Tensor a(activations, {C, H, W}), g(gradients, {K, C, H, W});
 *   auto inputs = fmgcam::make<fmgcam_inputs>();
 *   inputs.activations = &a;
 *   inputs.gradients = &g;
 *   fmgcam::Context context;
 *   auto result = context.explain(inputs, fmgcam::Want::maps);
 *
 * The structs, constants and rules are those of fmgcam.h, which says what each
 * function computes. What is added here: a context that is released by itself,
 * views of containers, results in vectors of the right size, hooks that are any
 * callable, and errors as you like them:
 *
 *  - A function that can fail takes an OnError as its last argument. Leave it
 *    out, and a failure throws fmgcam::Error, whose what() is the detail text.
 *  - Give it a fmgcam::Status, and nothing is thrown: the call writes there how
 *    it went, and what it returns after a failure is of no meaning.
 *
 *        fmgcam::Status status;
 *        auto result = context.explain(inputs, fmgcam::Want::maps, status);
 *        if (!status.ok())
 *            puts(status.detail());
 *
 *  - Without exceptions (-fno-exceptions) a Status is all there is: a failure
 *    where none was given ends the program by std::abort(). So does, there, a
 *    vector that gets no memory, which is FMGCAM_STATUS_NO_MEMORY elsewhere.
 *
 * What has no wrapper, e.g. the single stages, is called with context.get();
 * check() then treats its status as that of any call here:
 *
 *   const fmgcam_buffer out = fmgcam::buffer(values);
 *   context.check(fmgcam_activate_maps(context.get(), &maps, &out));
 */
#ifndef FMGCAM_FMGCAM_HPP
#define FMGCAM_FMGCAM_HPP

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "fmgcam.h"

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
# define FMGCAM_HPP_EXCEPTIONS 1
#else
# define FMGCAM_HPP_EXCEPTIONS 0
#endif

namespace fmgcam {

/* Parts of a program that are compiled with and without exceptions do not get
 * each other's functions. */
#if FMGCAM_HPP_EXCEPTIONS
inline namespace throwing {
#else
inline namespace aborting {
#endif

/* ---- Errors -------------------------------------------------------------- */

/* How a call went. */
class Status {
public:
    Status() noexcept : code_(FMGCAM_STATUS_OK), detail_() {}

    Status(fmgcam_status code, const char *detail) noexcept
        : code_(code), detail_()
    {
        std::memcpy(detail_, detail,
                    std::min(std::strlen(detail), sizeof detail_ - 1));
    }

    bool ok() const noexcept { return code_ == FMGCAM_STATUS_OK; }

    /* FMGCAM_STATUS_* */
    fmgcam_status code() const noexcept { return code_; }

    /* Which argument, what it was and what was expected; "" after a success. */
    const char *detail() const noexcept { return detail_; }

private:
    fmgcam_status code_;
    char detail_[256];
};

/* What is thrown. */
class Error : public std::runtime_error {
public:
    explicit Error(const Status &status)
        : std::runtime_error(status.detail()), status_(status.code())
    {}

    /* FMGCAM_STATUS_* */
    fmgcam_status status() const noexcept { return status_; }

private:
    fmgcam_status status_;
};

namespace detail {

#if FMGCAM_HPP_EXCEPTIONS
[[noreturn]] inline void raise(const Status &status) { throw Error(status); }

/* Whether @p call returns; what it throws ends here. */
template <class Call> bool completes(const Call &call) noexcept
{
    try {
        call();
    } catch (...) {
        return false;
    }
    return true;
}
#else
[[noreturn]] inline void raise(const Status &) { std::abort(); }

template <class Call> bool completes(const Call &call) noexcept
{
    call();
    return true;
}
#endif

} // namespace detail

/* What becomes of a failure: nothing given, it is thrown; else it is written to
 * the Status. */
class OnError {
public:
    OnError() noexcept : status_(nullptr) {}

    OnError(Status &status) noexcept : status_(&status) {}

    /* @return whether @p outcome is a success. */
    bool operator()(const Status &outcome) const
    {
        if (status_)
            *status_ = outcome;
        else if (!outcome.ok())
            detail::raise(outcome);
        return outcome.ok();
    }

private:
    Status *status_;
};

/* ---- Structs ------------------------------------------------------------- */

/* One of the structs of fmgcam.h that begin with struct_size, all defaults. */
template <class Struct> Struct make() noexcept
{
    Struct made = Struct();
    made.struct_size = sizeof made;
    return made;
}

/* ---- Memory of the caller ------------------------------------------------ */

/* FMGCAM_DTYPE_* of an element type. For a 16-bit type of your own, specialise
 * it; where all you have is 16-bit integers, say float16() or bfloat16(). */
template <class T> struct Dtype;
template <>
struct Dtype<float>
    : std::integral_constant<std::uint32_t, FMGCAM_DTYPE_FLOAT32> {};
template <>
struct Dtype<double>
    : std::integral_constant<std::uint32_t, FMGCAM_DTYPE_FLOAT64> {};
template <>
struct Dtype<std::int8_t>
    : std::integral_constant<std::uint32_t, FMGCAM_DTYPE_INT8> {};
template <>
struct Dtype<std::uint8_t>
    : std::integral_constant<std::uint32_t, FMGCAM_DTYPE_UINT8> {};

namespace detail {

/* Contiguous memory. */
template <class T> struct Span {
    T *data;
    std::size_t count;
};

/* The count behind a pointer: larger than any. */
constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max();

/* The span of anything that has data() and size(), e.g. std::vector,
 * std::array and std::span, of an array with any number of axes, or of a
 * pointer. */
template <class Container>
auto span_of(Container &container)
    -> Span<typename std::remove_pointer<decltype(container.data())>::type>
{
    return {container.data(), container.size()};
}

template <class T, std::size_t N>
Span<typename std::remove_all_extents<T>::type> span_of(T (&array)[N])
{
    typedef typename std::remove_all_extents<T>::type Element;
    return {reinterpret_cast<Element *>(&array),
            sizeof array / sizeof(Element)};
}

template <class T> Span<T> span_of(T *const &pointer)
{
    return {pointer, unknown};
}

template <class T> struct Void {
    typedef void type;
};

/* Whether the elements go with the object. */
template <class T, class = void> struct Owns : std::false_type {};
template <class T>
struct Owns<T, typename Void<typename T::allocator_type>::type>
    : std::true_type {};
template <class T, std::size_t N>
struct Owns<std::array<T, N>> : std::true_type {};

/* Whether what a Memory && is bound to leaves no elements to view. */
template <class Memory>
struct Leaves
    : std::integral_constant<
          bool, !std::is_lvalue_reference<Memory>::value &&
                    Owns<typename std::remove_cv<Memory>::type>::value> {};

/* The product of @p extents, or where it is none that memory can have, the
 * largest number. */
inline std::size_t multiply(std::initializer_list<std::size_t> extents) noexcept
{
    const std::size_t most = std::numeric_limits<std::size_t>::max();
    std::size_t product = 1;
    for (std::size_t extent : extents)
        product = extent && product > most / extent ? most : product * extent;
    return product;
}

/* The extent of an axis; 1 where there is none, for the library to find fault
 * with. */
inline std::size_t extent_of(const fmgcam_tensor *tensor,
                             std::uint32_t axis) noexcept
{
    if (!tensor || tensor->rank > FMGCAM_MAX_RANK || axis >= tensor->rank ||
        tensor->shape[axis] < 1)
        return 1;
    return static_cast<std::size_t>(tensor->shape[axis]);
}

/* How many elements there are from axis @p first on. */
inline std::size_t count_of(const fmgcam_tensor &tensor,
                            std::uint32_t first = 0) noexcept
{
    std::size_t count = 1;
    for (std::uint32_t axis = first;
         axis < tensor.rank && axis < FMGCAM_MAX_RANK; axis++)
        count = multiply({count, extent_of(&tensor, axis)});
    return count;
}

/* "elements: 12, expected the shape's 24" */
template <class Found, class Number>
Status refuse(fmgcam_status code, const char *name, Found found,
              const char *expected, Number number) noexcept
{
    char text[160];
    std::snprintf(text, sizeof text, "%s: %lld, expected %s %lld", name,
                  static_cast<long long>(found), expected,
                  static_cast<long long>(number));
    return Status(code, text);
}

/* Of a function that has no context to ask. */
inline Status outcome(const char *function, fmgcam_status code) noexcept
{
    char text[80];
    std::snprintf(text, sizeof text, "%s: %s", function,
                  fmgcam_status_string(code));
    return Status(code, code ? text : "");
}

template <class T>
Status resize(std::vector<T> &values, std::size_t count) noexcept
{
    if (count > values.max_size())
        return Status(FMGCAM_STATUS_OVERFLOW,
                      "outputs: more elements than memory can hold");
    if (!completes([&] { values.resize(count); }))
        return Status(FMGCAM_STATUS_NO_MEMORY, "outputs: no memory for them");
    return Status();
}

/* Bytes of a pixel; the most where the library will refuse the format. */
inline std::size_t bytes_of(std::uint32_t format) noexcept
{
    switch (format) {
    case FMGCAM_PIXEL_GREY8: return 1;
    case 0:
    case FMGCAM_PIXEL_RGB8:
    case FMGCAM_PIXEL_BGR8: return 3;
    default: return 4;
    }
}

} // namespace detail

/* Contiguous elements: a container, an array, or a pointer, of whose length
 * nothing is known, so that nothing is checked. */
struct Elements {
    const void *data;
    std::size_t count;
    std::uint32_t dtype; /* FMGCAM_DTYPE_* */

    template <class Memory,
              class = decltype(detail::span_of(std::declval<const Memory &>()))>
    Elements(const Memory &memory) : Elements(detail::span_of(memory))
    {}

    /* A view must not outlive the elements. */
    template <class Memory, class = typename std::enable_if<
                                detail::Leaves<Memory>::value>::type>
    Elements(Memory &&memory) = delete;

    template <class T>
    Elements(const T *first, std::size_t size)
        : Elements(detail::Span<const T>{first, size})
    {}

    template <class T>
    Elements(const detail::Span<T> &span)
        : Elements(span, Dtype<typename std::remove_const<T>::type>::value)
    {}

    template <class T>
    Elements(const detail::Span<T> &span, std::uint32_t type) noexcept
        : data(span.data), count(span.count), dtype(type)
    {}
};

namespace detail {

template <class T> Elements halves(const Span<T> &span, std::uint32_t dtype)
{
    static_assert(sizeof(T) == 2, "float16 and bfloat16 have 16 bits");
    return Elements(span, dtype);
}

} // namespace detail

/* Elements of 16 bits, of any type, that are IEEE 754 binary16. */
template <class Memory> Elements float16(Memory &&memory)
{
    static_assert(!detail::Leaves<Memory>::value, "it is about to go");
    return detail::halves(detail::span_of(memory), FMGCAM_DTYPE_FLOAT16);
}

/* Elements of 16 bits, of any type, that are upper halves of float. */
template <class Memory> Elements bfloat16(Memory &&memory)
{
    static_assert(!detail::Leaves<Memory>::value, "it is about to go");
    return detail::halves(detail::span_of(memory), FMGCAM_DTYPE_BFLOAT16);
}

/* The extents of a tensor. */
struct Shape {
    std::size_t rank;
    std::int64_t extents[FMGCAM_MAX_RANK];

    Shape() noexcept : rank(0), extents() {}

    Shape(std::initializer_list<std::int64_t> list) noexcept
        : Shape(list.begin(), list.size())
    {}

    /* More than 8 are none that a tensor can have, and not kept. */
    Shape(const std::int64_t *list, std::size_t count) noexcept
        : rank(count), extents()
    {
        std::copy_n(list, std::min<std::size_t>(count, FMGCAM_MAX_RANK),
                    extents);
    }
};

/* A fmgcam_tensor, and nothing more: a view, which must not outlive the memory.
 * Its members, e.g. strides, may be set as you like. It is all zero where it
 * could not be made. */
class Tensor : public fmgcam_tensor {
public:
    Tensor() noexcept : fmgcam_tensor() {}

    Tensor(const fmgcam_tensor &tensor) noexcept : fmgcam_tensor(tensor) {}

    /* Contiguous, the last axis fastest: [C, H, W], [K, C, H, W], [n, C], [n].
     * There must be as many elements as the extents say. */
    Tensor(const Elements &elements, const Shape &extents,
           OnError on_error = OnError())
        : fmgcam_tensor()
    {
        if (on_error(check(elements, extents)))
            view(elements, extents);
    }

    /* [n, channels, height, width] of memory in the order NHWC. */
    static Tensor nhwc(const Elements &elements, std::int64_t n,
                       std::int64_t channels, std::int64_t height,
                       std::int64_t width, OnError on_error = OnError())
    {
        Tensor tensor(elements, {n, height, width, channels}, on_error);
        if (tensor.data)
            fmgcam_tensor_nhwc(&tensor, elements.data, elements.dtype, n,
                               channels, height, width);
        return tensor;
    }

    /* [n, channels, grid] of the tokens of a transformer, in memory
     * [n, tokens, channels]: see fmgcam_tensor_tokens(). */
    static Tensor tokens(const Elements &elements, std::int64_t n,
                         std::int64_t count, std::int64_t channels,
                         std::int64_t prefix, const Shape &grid,
                         OnError on_error = OnError())
    {
        Tensor tensor(elements, {n, count, channels}, on_error);
        if (tensor.data)
            on_error(detail::outcome(
                "fmgcam_tensor_tokens()",
                fmgcam_tensor_tokens(&tensor, elements.data, elements.dtype, n,
                                     count, channels, prefix, grid.extents,
                                     static_cast<std::uint32_t>(grid.rank))));
        return tensor;
    }

    /* Picture @p index of a batch. */
    Tensor slice(std::int64_t index, OnError on_error = OnError()) const
    {
        Tensor part;
        on_error(detail::outcome("fmgcam_tensor_slice()",
                                 fmgcam_tensor_slice(&part, this, index)));
        return part;
    }

private:
    static Status check(const Elements &elements, const Shape &extents) noexcept
    {
        const std::int64_t most = std::numeric_limits<std::int32_t>::max();
        std::size_t product = 1;
        if (extents.rank < 1 || extents.rank > FMGCAM_MAX_RANK)
            return detail::refuse(FMGCAM_STATUS_SHAPE, "shape.rank",
                                  extents.rank, "1 to", FMGCAM_MAX_RANK);
        for (std::size_t axis = 0; axis < extents.rank; axis++) {
            const std::int64_t extent = extents.extents[axis];
            if (extent < 1 || extent > most) {
                char name[] = "shape[0]";
                name[6] = static_cast<char>('0' + axis);
                return detail::refuse(FMGCAM_STATUS_SHAPE, name, extent, "1 to",
                                      most);
            }
            product =
                detail::multiply({product, static_cast<std::size_t>(extent)});
        }
        if (elements.count == product || elements.count == detail::unknown)
            return Status();
        return detail::refuse(FMGCAM_STATUS_SHAPE, "elements", elements.count,
                              "the shape's", product);
    }

    void view(const Elements &elements, const Shape &extents) noexcept
    {
        data = elements.data;
        dtype = elements.dtype;
        rank = static_cast<std::uint32_t>(extents.rank);
        std::uint64_t stride = 1; /* may wrap; the library refuses it then */
        for (std::size_t axis = extents.rank; axis-- > 0;) {
            shape[axis] = extents.extents[axis];
            strides[axis] = static_cast<std::int64_t>(stride);
            stride *= static_cast<std::uint64_t>(shape[axis]);
        }
    }
};

/* The memory of a container or an array as an output. */
template <class Memory> fmgcam_buffer buffer(Memory &memory) noexcept
{
    static_assert(!std::is_pointer<Memory>::value, "how large is it?");
    const auto span = detail::span_of(memory);
    return {span.data, span.count * sizeof *span.data};
}

namespace detail {

template <class T>
fmgcam_image view_pixels(const Span<T> &span, std::uint32_t width,
                         std::uint32_t height, std::uint32_t format,
                         OnError on_error)
{
    static_assert(sizeof(T) == 1, "pixels are bytes");
    const std::size_t row = multiply({bytes_of(format), width});
    const std::size_t size = multiply({row, height});
    fmgcam_image view = fmgcam_image();
    if (!on_error(span.count < size
                      ? refuse(FMGCAM_STATUS_BUFFER_SIZE, "pixels", span.count,
                               "at least", size)
                      : Status()))
        return view;
    view.data = const_cast<void *>(static_cast<const void *>(span.data));
    view.row_stride_bytes = static_cast<std::int64_t>(row);
    view.width = width;
    view.height = height;
    view.format = format;
    return view;
}

} // namespace detail

/* A view of 8-bit pixels without gaps, which must not outlive them. There must
 * be at least as many as it needs. */
template <class Memory>
fmgcam_image image(Memory &&pixels, std::uint32_t width, std::uint32_t height,
                   std::uint32_t format = FMGCAM_PIXEL_RGB8,
                   OnError on_error = OnError())
{
    const auto span = detail::span_of(pixels);
    static_assert(!detail::Leaves<Memory>::value, "they are about to go");
    static_assert(!std::is_const<typename std::remove_pointer<
                      decltype(span.data)>::type>::value,
                  "pixels that may not be written: see read_only_image()");
    return detail::view_pixels(span, width, height, format, on_error);
}

/* The same of pixels that need not be writable, for the picture that an overlay
 * is drawn over. fmgcam_image cannot tell: do not draw into it. */
template <class Memory>
fmgcam_image read_only_image(Memory &&pixels, std::uint32_t width,
                             std::uint32_t height,
                             std::uint32_t format = FMGCAM_PIXEL_RGB8,
                             OnError on_error = OnError())
{
    static_assert(!detail::Leaves<Memory>::value, "they are about to go");
    return detail::view_pixels(detail::span_of(pixels), width, height, format,
                               on_error);
}

/* ---- Results ------------------------------------------------------------- */

/* What Context::explain() shall make: one or several, joined by |. See
 * fmgcam_outputs. */
enum class Want : std::uint32_t {
    weights = 1,
    signed_maps = 2,
    class_maps = 4,
    winner = 8,
    filtered_maps = 16,
    normalized_maps = 32,
    maps = 64,
    margin = 128
};

constexpr Want operator|(Want a, Want b) noexcept
{
    return static_cast<Want>(static_cast<std::uint32_t>(a) |
                             static_cast<std::uint32_t>(b));
}

constexpr bool operator&(Want a, Want b) noexcept
{
    return (static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b)) != 0;
}

/* One picture explained. What was not wanted is empty. */
struct Explanation {
    Shape shape{};                           /* of the stacks: [K, H, W] */
    std::vector<float> weights{};            /* [K, C] */
    std::vector<float> signed_maps{};        /* [K, H, W] */
    std::vector<float> class_maps{};         /* [K, H, W] */
    std::vector<std::int32_t> winner{};      /* [H, W]: rank, or -1 */
    std::vector<float> filtered_maps{};      /* [K, H, W] */
    std::vector<float> normalized_maps{};    /* [K, H, W] */
    std::vector<float> maps{};               /* [K, H, W] */
    std::vector<float> margin{};             /* [H, W] */
    bool flat = false;                       /* FMGCAM_RESULT_FLAT */
    std::uint64_t guarded = 0;               /* see fmgcam_outputs */
    std::uint64_t non_finite = 0;            /* see fmgcam_outputs */
    fmgcam_status status = FMGCAM_STATUS_OK; /* of this picture */

    /* A view of one of the stacks above, e.g. for fmgcam_layers. */
    Tensor view(const std::vector<float> &stack,
                OnError on_error = OnError()) const
    {
        return Tensor(stack, shape, on_error);
    }
};

/* The classes that were chosen, best first. */
struct Classes {
    std::vector<std::uint32_t> classes{};
    std::vector<float> probabilities{};
    std::vector<std::uint32_t> slots{}; /* of track_classes() only */
};

/* ---- Hooks --------------------------------------------------------------- */

/* Receives FMGCAM_LOG_* and a message. What it throws is lost. */
typedef std::function<void(std::uint32_t, const char *)> Log;

/* A share of the work; it may be copied, and called until its runner returns.
 * worker is in 0...workers-1 and never in two calls at the same time. */
class Task {
public:
    Task(fmgcam_task_fn task, void *job) noexcept : task_(task), job_(job) {}

    void operator()(std::uint32_t index, std::uint32_t worker) const
    {
        task_(job_, index, worker);
    }

private:
    fmgcam_task_fn task_;
    void *job_;
};

/* Calls the task once for each index below a count, on any threads, and returns
 * true when all calls have ended; false, or an exception, once none is under
 * way, says that it could not: FMGCAM_STATUS_RUNNER. */
typedef std::function<bool(const Task &, std::uint32_t)> Runner;

/* ---- Context ------------------------------------------------------------- */

/* Owns a fmgcam_context. It moves; one that was moved from holds none, and
 * every call on it is FMGCAM_STATUS_ARGUMENT. */
class Context {
public:
    explicit Context(OnError on_error = OnError())
        : log_(), runner_(), handle_()
    {
        create(nullptr, on_error);
    }

    explicit Context(const fmgcam_allocator &allocator,
                     OnError on_error = OnError())
        : log_(), runner_(), handle_()
    {
        create(&allocator, on_error);
    }

    /* Become the owner of @p handle. */
    explicit Context(fmgcam_context *handle) noexcept
        : log_(), runner_(), handle_(handle)
    {}

    Context(Context &&other) = default;

    Context &operator=(Context &&other) noexcept
    {
        Context moved(std::move(other));
        log_.swap(moved.log_);
        runner_.swap(moved.runner_);
        handle_.swap(moved.handle_);
        return *this;
    }

    fmgcam_context *get() const noexcept { return handle_.get(); }

    /* Give up the handle, which loses log and runner, since they stay here.
     * Then fmgcam_destroy() is up to you. */
    fmgcam_context *release() noexcept
    {
        fmgcam_set_log(get(), nullptr, nullptr);
        fmgcam_set_runner(get(), nullptr, nullptr, 0);
        return handle_.release();
    }

    explicit operator bool() const noexcept
    {
        return static_cast<bool>(handle_);
    }

    /* Treat @p status, which a function of fmgcam.h returned for get(), as that
     * of any call here. @return whether it is OK. */
    bool check(fmgcam_status status, OnError on_error = OnError()) const
    {
        return on_error(outcome(status));
    }

    /* The options in force, every default filled in. */
    fmgcam_options options(OnError on_error = OnError()) const
    {
        fmgcam_options options = make<fmgcam_options>();
        check(fmgcam_get_options(get(), &options), on_error);
        return options;
    }

    void set_options(const fmgcam_options &options,
                     OnError on_error = OnError())
    {
        check(fmgcam_set_options(get(), &options), on_error);
    }

    void reserve(const fmgcam_limits &limits, OnError on_error = OnError())
    {
        check(fmgcam_reserve(get(), &limits), on_error);
    }

    std::size_t workspace_size(const fmgcam_limits &limits,
                               OnError on_error = OnError())
    {
        std::size_t size = 0;
        check(fmgcam_workspace_size(get(), &limits, &size), on_error);
        return size;
    }

    /* Send messages to @p log, which the context keeps; an empty one is
     * silence. On failure the earlier one stays. */
    void set_log(Log log, OnError on_error = OnError())
    {
        std::unique_ptr<Log> kept;
        Status status = keep(log, kept);
        if (status.ok())
            status = outcome(
                fmgcam_set_log(get(), kept ? write_log : nullptr, kept.get()));
        if (on_error(status))
            log_.swap(kept);
    }

    /* Let @p runner, which the context keeps, spread work over @p workers
     * threads of yours; an empty one, with 0 workers, is the calling thread
     * alone. On failure the earlier one stays. */
    void set_runner(Runner runner, std::uint32_t workers,
                    OnError on_error = OnError())
    {
        std::unique_ptr<Runner> kept;
        Status status = keep(runner, kept);
        if (status.ok())
            status = outcome(fmgcam_set_runner(get(), kept ? run : nullptr,
                                               kept.get(), workers));
        if (on_error(status))
            runner_.swap(kept);
    }

    /* ---- Stages 1 to 6 in one call -------------------------------------- */

    Explanation explain(const fmgcam_inputs &inputs, Want wanted,
                        OnError on_error = OnError())
    {
        Explanation made;
        explain(inputs, wanted, made, on_error);
        return made;
    }

    /* The same into the memory of an earlier one, so that pictures of one size
     * need no more. */
    void explain(const fmgcam_inputs &inputs, Want wanted, Explanation &made,
                 OnError on_error = OnError())
    {
        fmgcam_outputs outputs = make<fmgcam_outputs>();
        Status status = prepare(inputs, wanted, made, outputs);
        if (status.ok())
            status = outcome(fmgcam_explain(get(), &inputs, &outputs));
        finish(outputs, status.code(), made);
        on_error(status);
    }

    /* fmgcam_explain_batch(): each explanation has the status of its picture,
     * and is complete where that is OK. */
    std::vector<Explanation>
    explain_batch(const std::vector<fmgcam_inputs> &inputs, Want wanted,
                  OnError on_error = OnError())
    {
        Batch batch;
        Status status = prepare(inputs, wanted, batch);
        if (status.ok())
            status = outcome(fmgcam_explain_batch(
                get(), batch.inputs.data(), batch.outputs.data(),
                static_cast<std::uint32_t>(inputs.size()),
                batch.statuses.data()));
        else
            std::fill(batch.statuses.begin(), batch.statuses.end(),
                      status.code());
        for (std::size_t i = 0; i < batch.made.size(); i++)
            finish(batch.structs[i], batch.statuses[i], batch.made[i]);
        on_error(status);
        return std::move(batch.made);
    }

    /* ---- Stage 7: the picture ------------------------------------------- */

    void draw_heatmap(const fmgcam_layers &layers, const fmgcam_image &heatmap,
                      OnError on_error = OnError())
    {
        check(fmgcam_draw_heatmap(get(), &layers, &heatmap), on_error);
    }

    /* @p overlay may be @p picture. */
    void draw_overlay(const fmgcam_layers &layers, const fmgcam_image &picture,
                      const fmgcam_image &overlay, OnError on_error = OnError())
    {
        check(fmgcam_draw_overlay(get(), &layers, &picture, &overlay),
              on_error);
    }

    /* The pixels of a heatmap of width x height, without gaps. */
    std::vector<std::uint8_t>
    draw_heatmap(const fmgcam_layers &layers, std::uint32_t width,
                 std::uint32_t height, std::uint32_t format = FMGCAM_PIXEL_RGB8,
                 OnError on_error = OnError())
    {
        return paint(width, height, format, on_error,
                     [&](const fmgcam_image &heatmap) {
                         return fmgcam_draw_heatmap(get(), &layers, &heatmap);
                     });
    }

    /* The pixels of an overlay as large as @p picture, without gaps. */
    std::vector<std::uint8_t> draw_overlay(const fmgcam_layers &layers,
                                           const fmgcam_image &picture,
                                           OnError on_error = OnError())
    {
        return paint(picture.width, picture.height, picture.format, on_error,
                     [&](const fmgcam_image &overlay) {
                         return fmgcam_draw_overlay(get(), &layers, &picture,
                                                    &overlay);
                     });
    }

    std::vector<float> resample_maps(const fmgcam_tensor &maps,
                                     std::uint32_t height, std::uint32_t width,
                                     OnError on_error = OnError())
    {
        return fill<float>(
            detail::multiply({detail::extent_of(&maps, 0), height, width}),
            on_error, [&](const fmgcam_buffer &out) {
                return fmgcam_resample_maps(get(), &maps, height, width, &out);
            });
    }

    fmgcam_geometry find_geometry(std::uint32_t width, std::uint32_t height,
                                  const std::vector<fmgcam_step> &steps,
                                  OnError on_error = OnError())
    {
        fmgcam_geometry geometry = make<fmgcam_geometry>();
        check(fmgcam_find_geometry(get(), width, height, steps.data(),
                                   static_cast<std::uint32_t>(steps.size()),
                                   &geometry),
              on_error);
        return geometry;
    }

    /* ---- Classes and videos --------------------------------------------- */

    Classes choose_classes(const fmgcam_tensor &scores,
                           const fmgcam_choice &choice = make<fmgcam_choice>(),
                           OnError on_error = OnError())
    {
        return choose(scores, choice.count, false, on_error,
                      [&](const fmgcam_buffer *out, std::uint32_t *count) {
                          return fmgcam_choose_classes(get(), &choice, &scores,
                                                       &out[0], &out[1], count);
                      });
    }

    Classes
    track_classes(const fmgcam_tensor &scores,
                  const fmgcam_tracking &tracking = make<fmgcam_tracking>(),
                  OnError on_error = OnError())
    {
        return choose(scores, tracking.count, true, on_error,
                      [&](const fmgcam_buffer *out, std::uint32_t *count) {
                          return fmgcam_track_classes(get(), &tracking, &scores,
                                                      &out[0], &out[1], &out[2],
                                                      count);
                      });
    }

    std::vector<float>
    smooth_maps(const fmgcam_tensor &signed_maps,
                const std::vector<std::uint32_t> &classes,
                const fmgcam_tracking &tracking = make<fmgcam_tracking>(),
                OnError on_error = OnError())
    {
        const std::size_t expected = detail::extent_of(&signed_maps, 0);
        if (classes.size() != expected) {
            on_error(detail::refuse(FMGCAM_STATUS_ARGUMENT, "classes",
                                    classes.size(), "the maps'", expected));
            return std::vector<float>();
        }
        return fill<float>(detail::count_of(signed_maps), on_error,
                           [&](const fmgcam_buffer &out) {
                               return fmgcam_smooth_maps(get(), &tracking,
                                                         &signed_maps,
                                                         classes.data(), &out);
                           });
    }

    void restart(OnError on_error = OnError())
    {
        check(fmgcam_restart(get()), on_error);
    }

    /* ---- Measures ------------------------------------------------------- */

    /* Whether inputs.classifier and its bias make the scores. */
    fmgcam_head_check check_head(const fmgcam_inputs &inputs,
                                 double tolerance = 0.0,
                                 OnError on_error = OnError())
    {
        fmgcam_head_check found = make<fmgcam_head_check>();
        check(fmgcam_check_head(get(), &inputs, tolerance, &found), on_error);
        return found;
    }

    /* fmgcam_measure_class() of @p made, of which class_maps must have been
     * wanted; winner and signed_maps are used if they were. */
    fmgcam_class_measures measure_class(const Explanation &made,
                                        std::uint32_t rank,
                                        float box_threshold = 0.0f,
                                        OnError on_error = OnError())
    {
        fmgcam_class_measures measures = make<fmgcam_class_measures>();
        Status status;
        const Tensor class_maps = made.view(made.class_maps, status);
        Tensor signed_maps;
        if (status.ok() && !made.signed_maps.empty())
            signed_maps = made.view(made.signed_maps, status);
        if (status.ok())
            status = outcome(fmgcam_measure_class(
                get(), &class_maps, signed_maps.data ? &signed_maps : nullptr,
                made.winner.empty() ? nullptr : made.winner.data(), rank,
                box_threshold, &measures));
        on_error(status);
        return measures;
    }

    /* [K, K] */
    std::vector<float> measure_overlap(const fmgcam_tensor &class_maps,
                                       OnError on_error = OnError())
    {
        const std::size_t classes = detail::extent_of(&class_maps, 0);
        return fill<float>(detail::multiply({classes, classes}), on_error,
                           [&](const fmgcam_buffer &out) {
                               return fmgcam_measure_overlap(get(), &class_maps,
                                                             &out);
                           });
    }

    /* [H, W] */
    std::vector<float> measure_margin(const fmgcam_tensor &signed_maps,
                                      OnError on_error = OnError())
    {
        return fill<float>(detail::count_of(signed_maps, 1), on_error,
                           [&](const fmgcam_buffer &out) {
                               return fmgcam_measure_margin(get(), &signed_maps,
                                                            &out);
                           });
    }

    /* [K] */
    std::vector<double> measure_region(const fmgcam_tensor &signed_maps,
                                       const fmgcam_tensor &region,
                                       OnError on_error = OnError())
    {
        return fill<double>(detail::extent_of(&signed_maps, 0), on_error,
                            [&](const fmgcam_buffer &out) {
                                return fmgcam_measure_region(
                                    get(), &signed_maps, &region,
                                    static_cast<double *>(out.data));
                            });
    }

private:
    struct Destroy {
        void operator()(fmgcam_context *context) const noexcept
        {
            fmgcam_destroy(context);
        }
    };

    /* What fmgcam_explain_batch() takes and gives. */
    struct Batch {
        std::vector<const fmgcam_inputs *> inputs{};
        std::vector<fmgcam_outputs *> outputs{};
        std::vector<fmgcam_outputs> structs{};
        std::vector<fmgcam_status> statuses{};
        std::vector<Explanation> made{};
    };

    void create(const fmgcam_allocator *allocator, OnError on_error)
    {
        char text[256];
        fmgcam_context *context = nullptr;
        const fmgcam_status code =
            fmgcam_create(allocator, &context, text, sizeof text);
        handle_.reset(context);
        on_error(Status(code, text));
    }

    Status outcome(fmgcam_status code) const noexcept
    {
        return Status(code, code ? fmgcam_error_detail(get()) : "");
    }

    /* Put @p hook where the library can find it, if it is any. */
    template <class Hook>
    static Status keep(Hook &hook, std::unique_ptr<Hook> &kept) noexcept
    {
        if (!hook ||
            detail::completes([&] { kept.reset(new Hook(std::move(hook))); }))
            return Status();
        return Status(FMGCAM_STATUS_NO_MEMORY, "hook: no memory to keep it");
    }

    static void write_log(void *opaque, std::uint32_t level,
                          const char *message) noexcept
    {
        detail::completes(
            [&] { (*static_cast<Log *>(opaque))(level, message); });
    }

    static std::int32_t run(void *opaque, fmgcam_task_fn task, void *job,
                            std::uint32_t count) noexcept
    {
        bool done = false;
        detail::completes([&] {
            done = (*static_cast<Runner *>(opaque))(Task(task, job), count);
        });
        return done ? 0 : 1;
    }

    /* How many classes @p inputs explain, maps having @p axes. */
    static std::size_t classes_of(const fmgcam_inputs &inputs,
                                  std::uint32_t axes) noexcept
    {
        if (inputs.gradients)
            return detail::extent_of(inputs.gradients,
                                     inputs.gradients->rank - axes - 2);
        if (inputs.weights)
            return detail::extent_of(inputs.weights, 0);
        if (inputs.classifier && inputs.classes)
            return std::max<std::size_t>(inputs.class_count, 1);
        return detail::extent_of(inputs.classifier, 0);
    }

    /* Let @p values have @p count elements and @p output be their memory, if
     * they are wanted and nothing failed before. */
    template <class T>
    static void provide(bool wanted, std::size_t count, std::vector<T> &values,
                        fmgcam_buffer &output, Status &status) noexcept
    {
        if (status.ok())
            status = detail::resize(values, wanted ? count : 0);
        if (status.ok() && wanted)
            output = buffer(values);
    }

    /* Make room for what is wanted. Inputs that do not fit are for the library
     * to refuse, whatever sizes come out of them here. */
    Status prepare(const fmgcam_inputs &inputs, Want wanted, Explanation &made,
                   fmgcam_outputs &outputs) const noexcept
    {
        fmgcam_options options = make<fmgcam_options>();
        Status status = outcome(fmgcam_get_options(get(), &options));
        if (!status.ok())
            return status;

        const fmgcam_tensor *activations = inputs.activations;
        const std::uint32_t axes = options.spatial_axes;
        const std::uint32_t first = activations ? activations->rank - axes : 0;
        const std::size_t channels = detail::extent_of(activations, first - 1);
        const std::size_t classes = classes_of(inputs, axes);
        std::size_t cells = 1;
        made.shape.rank = axes + 1;
        made.shape.extents[0] = static_cast<std::int64_t>(classes);
        for (std::uint32_t axis = 0; axis < axes; axis++) {
            const std::size_t extent =
                detail::extent_of(activations, first + axis);
            made.shape.extents[axis + 1] = static_cast<std::int64_t>(extent);
            cells = detail::multiply({cells, extent});
        }

        const std::size_t stack = detail::multiply({classes, cells});
        provide(wanted & Want::weights, detail::multiply({classes, channels}),
                made.weights, outputs.weights, status);
        provide(wanted & Want::signed_maps, stack, made.signed_maps,
                outputs.signed_maps, status);
        provide(wanted & Want::class_maps, stack, made.class_maps,
                outputs.class_maps, status);
        provide(wanted & Want::winner, cells, made.winner, outputs.winner,
                status);
        provide(wanted & Want::filtered_maps, stack, made.filtered_maps,
                outputs.filtered_maps, status);
        provide(wanted & Want::normalized_maps, stack, made.normalized_maps,
                outputs.normalized_maps, status);
        provide(wanted & Want::maps, stack, made.maps, outputs.maps, status);
        provide(wanted & Want::margin, cells, made.margin, outputs.margin,
                status);
        return status;
    }

    Status prepare(const std::vector<fmgcam_inputs> &inputs, Want wanted,
                   Batch &batch) const
    {
        const std::size_t count = inputs.size();
        if (count > std::numeric_limits<std::uint32_t>::max())
            return detail::refuse(FMGCAM_STATUS_ARGUMENT, "inputs", count,
                                  "at most",
                                  std::numeric_limits<std::uint32_t>::max());
        if (!detail::completes([&] {
                batch.inputs.resize(count);
                batch.outputs.resize(count);
                batch.structs.resize(count, make<fmgcam_outputs>());
                batch.statuses.resize(count);
                batch.made.resize(count);
            }))
            return Status(FMGCAM_STATUS_NO_MEMORY, "batch: no memory for it");

        Status status;
        for (std::size_t i = 0; i < count && status.ok(); i++) {
            batch.inputs[i] = &inputs[i];
            batch.outputs[i] = &batch.structs[i];
            status =
                prepare(inputs[i], wanted, batch.made[i], batch.structs[i]);
        }
        return status;
    }

    static void finish(const fmgcam_outputs &outputs, fmgcam_status status,
                       Explanation &made) noexcept
    {
        made.status = status;
        made.flat = (outputs.result & FMGCAM_RESULT_FLAT) != 0;
        made.guarded = outputs.guarded;
        made.non_finite = outputs.non_finite;
    }

    /* @p count elements, written by @p call. */
    template <class T, class Call>
    std::vector<T> fill(std::size_t count, OnError on_error,
                        const Call &call) const
    {
        std::vector<T> made;
        Status status = detail::resize(made, count);
        if (status.ok())
            status = outcome(call(buffer(made)));
        on_error(status);
        return made;
    }

    /* width x height pixels without gaps, drawn by @p call. */
    template <class Call>
    std::vector<std::uint8_t> paint(std::uint32_t width, std::uint32_t height,
                                    std::uint32_t format, OnError on_error,
                                    const Call &call) const
    {
        std::vector<std::uint8_t> made;
        Status status = detail::resize(
            made, detail::multiply({detail::bytes_of(format), width, height}));
        if (status.ok())
            status = outcome(call(image(made, width, height, format)));
        on_error(status);
        return made;
    }

    /* At most @p most classes (0: all) of those that have @p scores: call()
     * writes classes, probabilities and, if wanted, slots. */
    template <class Call>
    Classes choose(const fmgcam_tensor &scores, std::size_t most, bool slots,
                   OnError on_error, const Call &call) const
    {
        Classes made;
        std::uint32_t count = 0;
        const std::size_t n = detail::extent_of(&scores, scores.rank - 1);
        const std::size_t room = most ? std::min(most, n) : n;
        fmgcam_buffer out[3] = {};

        Status status;
        provide(true, room, made.classes, out[0], status);
        provide(true, room, made.probabilities, out[1], status);
        provide(slots, room, made.slots, out[2], status);
        if (status.ok())
            status = outcome(call(out, &count));
        count = status.ok() ? count : 0;
        made.classes.resize(count);
        made.probabilities.resize(count);
        made.slots.resize(slots ? count : 0);
        on_error(status);
        return made;
    }

    /* The hooks outlive the handle, whose they are. */
    std::unique_ptr<Log> log_;
    std::unique_ptr<Runner> runner_;
    std::unique_ptr<fmgcam_context, Destroy> handle_;
};

} // throwing or aborting
} // namespace fmgcam

#undef FMGCAM_HPP_EXCEPTIONS

#endif
