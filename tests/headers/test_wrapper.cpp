// SPDX-License-Identifier: MIT
// fmgcam.hpp: results are those of the C functions, errors come as asked for,
// hooks live as long as they must. Built as C++11 and C++20, and without
// exceptions.
#include <fmgcam/fmgcam.hpp>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#if __cplusplus >= 202002L
# include <span>
#endif

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
# define EXCEPTIONS 1
#else
# define EXCEPTIONS 0
#endif

// A sanitizer's allocator ends the program where others say no.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define MAY_LACK_MEMORY 0
#elif defined(__has_feature)
# define MAY_LACK_MEMORY                                                       \
  (!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer) &&    \
   !__has_feature(memory_sanitizer))
#else
# define MAY_LACK_MEMORY 1
#endif

using fmgcam::Context;
using fmgcam::Explanation;
using fmgcam::make;
using fmgcam::Status;
using fmgcam::Tensor;
using fmgcam::Want;

namespace
{

int passed, failed;

void check(bool right, const char *what, int line)
{
    (right ? passed : failed)++;
    if (!right)
        std::printf("test_wrapper.cpp:%d: not so: %s\n", line, what);
}

#define CHECK(condition) check((condition), #condition, __LINE__)

bool is(const Status &status, fmgcam_status code, const char *detail)
{
    if (status.code() == code && std::strcmp(status.detail(), detail) == 0)
        return true;
    std::printf("status %d: %s\n", static_cast<int>(status.code()),
                status.detail());
    return false;
}

template <class T> bool same(const std::vector<T> &a, const std::vector<T> &b)
{
    return a.size() == b.size() && !a.empty() &&
           std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// ---- One picture ------------------------------------------------------------

constexpr std::int64_t K = 3, C = 4, H = 2, W = 5, S = H * W;

std::vector<float> numbers(std::int64_t count, int seed)
{
    std::vector<float> made(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < made.size(); i++)
        made[i] =
            static_cast<float>((i * 37 + static_cast<std::size_t>(seed)) % 23) -
            9.0f;
    return made;
}

struct Picture {
    std::vector<float> activations = numbers(C * S, 1);
    std::vector<float> gradients = numbers(K * C * S, 5);
    Tensor a{activations, {1, C, H, W}};
    Tensor g{gradients, {K, C, H, W}};
    fmgcam_inputs inputs = make<fmgcam_inputs>();

    Picture()
    {
        inputs.activations = &a;
        inputs.gradients = &g;
    }
    Picture(const Picture &) = delete;
    Picture &operator=(const Picture &) = delete;
};

const Want all = Want::weights | Want::signed_maps | Want::class_maps |
                 Want::winner | Want::filtered_maps | Want::normalized_maps |
                 Want::maps | Want::margin;

// The same by the C functions alone, into vectors of these sizes.
Explanation explain_in_c(const fmgcam_inputs &inputs, std::size_t k,
                         std::size_t c, std::size_t s,
                         const fmgcam_options *options = nullptr)
{
    Explanation made;
    fmgcam_outputs outputs = make<fmgcam_outputs>();
    const struct {
        std::vector<float> &values;
        fmgcam_buffer &buffer;
        std::size_t count;
    } floats[] = {
        {made.weights, outputs.weights, k * c},
        {made.signed_maps, outputs.signed_maps, k * s},
        {made.class_maps, outputs.class_maps, k * s},
        {made.filtered_maps, outputs.filtered_maps, k * s},
        {made.normalized_maps, outputs.normalized_maps, k * s},
        {made.maps, outputs.maps, k * s},
        {made.margin, outputs.margin, s},
    };
    for (const auto &one : floats) {
        one.values.resize(one.count);
        one.buffer = {one.values.data(), one.count * sizeof(float)};
    }
    made.winner.resize(s);
    outputs.winner = {made.winner.data(), s * sizeof(std::int32_t)};
    fmgcam_context *context = nullptr;
    fmgcam_create(nullptr, &context, nullptr, 0);
    fmgcam_set_options(context, options);
    made.status = fmgcam_explain(context, &inputs, &outputs);
    fmgcam_destroy(context);
    return made;
}

void check_same(const Explanation &a, const Explanation &b, int line)
{
    check(a.status == FMGCAM_STATUS_OK && b.status == FMGCAM_STATUS_OK,
          "both are explained", line);
    check(same(a.weights, b.weights), "weights", line);
    check(same(a.signed_maps, b.signed_maps), "signed_maps", line);
    check(same(a.class_maps, b.class_maps), "class_maps", line);
    check(same(a.winner, b.winner), "winner", line);
    check(same(a.filtered_maps, b.filtered_maps), "filtered_maps", line);
    check(same(a.normalized_maps, b.normalized_maps), "normalized_maps", line);
    check(same(a.maps, b.maps), "maps", line);
    check(same(a.margin, b.margin), "margin", line);
}

// ---- Views ------------------------------------------------------------------

void test_views()
{
    static_assert(sizeof(Tensor) == sizeof(fmgcam_tensor), "a view, no more");
    static_assert(std::is_standard_layout<Tensor>::value, "as in C");
    std::vector<float> floats(24);
    std::array<double, 24> doubles = {};
    std::int8_t int8[2][3][4] = {};
    const std::uint8_t uint8[24] = {};
    std::vector<std::uint16_t> halves(24);

    const Tensor a(floats, {2, 3, 4});
    CHECK(a.data == floats.data() && a.rank == 3);
    CHECK(a.dtype == FMGCAM_DTYPE_FLOAT32);
    CHECK(a.shape[0] == 2 && a.shape[1] == 3 && a.shape[2] == 4);
    CHECK(a.strides[0] == 12 && a.strides[1] == 4 && a.strides[2] == 1);
    CHECK(Tensor(doubles, {24}).dtype == FMGCAM_DTYPE_FLOAT64);
    CHECK(Tensor(int8, {6, 4}).dtype == FMGCAM_DTYPE_INT8);
    CHECK(Tensor(int8, {6, 4}).data == static_cast<void *>(int8));
    CHECK(Tensor(uint8, {24}).dtype == FMGCAM_DTYPE_UINT8);
    CHECK(Tensor(fmgcam::float16(halves), {24}).dtype == FMGCAM_DTYPE_FLOAT16);
    CHECK(Tensor(fmgcam::bfloat16(halves.data()), {24}).dtype ==
          FMGCAM_DTYPE_BFLOAT16);
    CHECK(Tensor(floats.data(), {7, 7}).data == floats.data());
    CHECK(Tensor({floats.data(), 24}, {24}).data == floats.data());
#if __cplusplus >= 202002L
    CHECK(Tensor(std::span<const float>(floats).first(6), {2, 3}).data ==
          floats.data());
#endif

    const Tensor nhwc = Tensor::nhwc(floats, 1, 4, 2, 3);
    CHECK(nhwc.shape[1] == 4 && nhwc.shape[3] == 3 && nhwc.strides[1] == 1);
    const Tensor tokens = Tensor::tokens(floats, 1, 6, 4, 2, {2, 2});
    CHECK(tokens.rank == 4 && tokens.shape[1] == 4 && tokens.shape[3] == 2);
    CHECK(tokens.data == floats.data() + 8);
    const Tensor slice = a.slice(1);
    CHECK(slice.rank == 2 && slice.data == floats.data() + 12);
    const fmgcam_buffer out = fmgcam::buffer(floats);
    CHECK(out.data == floats.data() && out.size_bytes == 24 * sizeof(float));
}

void test_views_that_are_none()
{
    const std::vector<float> floats(24);
    std::vector<std::uint8_t> pixels(17);
    Status status;
    const Tensor wrong(floats, {2, 3, 5}, status);
    CHECK(is(status, FMGCAM_STATUS_SHAPE,
             "elements: 24, expected the shape's 30"));
    CHECK(!wrong.data && wrong.rank == 0);
    Tensor(floats, {2, 0}, status);
    CHECK(is(status, FMGCAM_STATUS_SHAPE,
             "shape[1]: 0, expected 1 to 2147483647"));
    Tensor(floats, {1, 1, 1, 1, 1, 1, 1, 1, 24}, status);
    CHECK(is(status, FMGCAM_STATUS_SHAPE, "shape.rank: 9, expected 1 to 8"));
    Tensor(floats, {}, status);
    CHECK(is(status, FMGCAM_STATUS_SHAPE, "shape.rank: 0, expected 1 to 8"));
    // The product wraps to 0 in 64 bits.
    Tensor(fmgcam::Elements(floats.data(), 0), {1 << 30, 1 << 30, 16}, status);
    CHECK(status.code() == FMGCAM_STATUS_SHAPE);
    Tensor(floats, {24}, status);
    CHECK(is(status, FMGCAM_STATUS_OK, ""));
    Tensor::nhwc(floats, 1, 4, 2, 4, status);
    CHECK(status.code() == FMGCAM_STATUS_SHAPE);
    Tensor::tokens(floats, 1, 6, 4, 1, {2, 2}, status);
    CHECK(is(status, FMGCAM_STATUS_ARGUMENT,
             "fmgcam_tensor_tokens(): invalid argument"));
    Tensor(floats, {24}).slice(24, status);
    CHECK(is(status, FMGCAM_STATUS_ARGUMENT,
             "fmgcam_tensor_slice(): invalid argument"));
    const fmgcam_image image =
        fmgcam::image(pixels, 2, 3, FMGCAM_PIXEL_RGB8, status);
    CHECK(is(status, FMGCAM_STATUS_BUFFER_SIZE,
             "pixels: 17, expected at least 18"));
    CHECK(!image.data);
    CHECK(fmgcam::image(pixels, 17, 1, FMGCAM_PIXEL_GREY8).data ==
          pixels.data());
}

// ---- Explaining -------------------------------------------------------------

void test_explain()
{
    Picture picture;
    Context context;
    const Explanation made = context.explain(picture.inputs, all);
    check_same(made, explain_in_c(picture.inputs, K, C, S), __LINE__);
    CHECK(made.shape.rank == 3 && made.shape.extents[0] == K);
    CHECK(made.shape.extents[1] == H && made.shape.extents[2] == W);
    CHECK(!made.flat);
    const Tensor maps = made.view(made.maps);
    CHECK(maps.data == made.maps.data() && maps.shape[2] == W);

    // One class, of which the gradients say nothing.
    picture.g = picture.g.slice(1);
    check_same(context.explain(picture.inputs, all),
               explain_in_c(picture.inputs, 1, C, S), __LINE__);

    // A vector that is not wanted any more is empty.
    Explanation again = made;
    context.explain(picture.inputs, Want::winner, again);
    CHECK(again.maps.empty() && again.margin.empty() && again.weights.empty());
    CHECK(again.winner.size() == static_cast<std::size_t>(S));
}

void test_explain_other_inputs()
{
    Picture picture;
    Context context;
    picture.inputs.gradients = nullptr;
    std::vector<float> matrix = numbers(7 * C, 3);
    Tensor w(matrix, {7, C});
    picture.inputs.weights = &w;
    check_same(context.explain(picture.inputs, all),
               explain_in_c(picture.inputs, 7, C, S), __LINE__);
    picture.inputs.weights = nullptr;
    picture.inputs.classifier = &w;
    check_same(context.explain(picture.inputs, all),
               explain_in_c(picture.inputs, 7, C, S), __LINE__);
    const std::uint32_t classes[] = {6, 2};
    picture.inputs.classes = classes;
    picture.inputs.class_count = 2;
    check_same(context.explain(picture.inputs, all),
               explain_in_c(picture.inputs, 2, C, S), __LINE__);

    picture.inputs = make<fmgcam_inputs>();
    picture.inputs.activations = &picture.a;
    fmgcam_options options = make<fmgcam_options>();
    options.method = FMGCAM_METHOD_EIGEN_CAM;
    context.set_options(options);
    CHECK(context.options().method == FMGCAM_METHOD_EIGEN_CAM);
    const Explanation made = context.explain(picture.inputs, Want::maps);
    CHECK(made.maps.size() == static_cast<std::size_t>(S));
}

void test_explain_signals_and_volumes()
{
    Picture picture;
    Context context;
    fmgcam_options options = make<fmgcam_options>();
    options.spatial_axes = 1;
    picture.a = Tensor(picture.activations, {C, S});
    picture.g = Tensor(picture.gradients, {K, C, S});
    context.set_options(options);
    const Explanation signal = context.explain(picture.inputs, all);
    check_same(signal, explain_in_c(picture.inputs, K, C, S, &options),
               __LINE__);
    CHECK(signal.shape.rank == 2 && signal.shape.extents[1] == S);

    options.spatial_axes = 3;
    picture.a = Tensor(picture.activations, {C, H, 1, W});
    picture.g = Tensor(picture.gradients, {K, C, H, 1, W});
    context.set_options(options);
    const Explanation volume = context.explain(picture.inputs, all);
    check_same(volume, explain_in_c(picture.inputs, K, C, S, &options),
               __LINE__);
    CHECK(volume.shape.rank == 4 && volume.shape.extents[2] == 1);
}

void test_flat_and_counted()
{
    Picture picture;
    Context context;
    fmgcam_options options = make<fmgcam_options>();
    options.non_finite = FMGCAM_NON_FINITE_SKIP;
    context.set_options(options);
    picture.gradients.assign(picture.gradients.size(), 0.0f);
    picture.gradients[3] = std::numeric_limits<float>::quiet_NaN();
    const Explanation made = context.explain(picture.inputs, Want::maps);
    CHECK(made.flat && made.non_finite == 1 && made.guarded == 0);
}

void test_batch()
{
    Picture good, bad;
    Context context;
    Status status;
    bad.activations[2] = std::numeric_limits<float>::infinity();
    const std::vector<fmgcam_inputs> inputs = {good.inputs, bad.inputs,
                                               good.inputs};
    const std::vector<Explanation> made =
        context.explain_batch(inputs, all, status);
    CHECK(status.code() == FMGCAM_STATUS_NON_FINITE);
    CHECK(std::strncmp(status.detail(), "pictures[1].", 12) == 0);
    CHECK(made.size() == 3 && made[1].status == FMGCAM_STATUS_NON_FINITE);
    check_same(made[2], explain_in_c(good.inputs, K, C, S), __LINE__);
}

// Whether the library refuses all, or they do not fit into memory.
void test_a_batch_that_fails_as_a_whole()
{
    Picture picture;
    Context context;
    Status status;
    context.set_runner(
        [](const fmgcam::Task &, std::uint32_t) { return false; }, 2);
    for (std::int64_t channels : {picture.a.shape[1], INT64_MAX}) {
        picture.a.shape[1] = channels;
        const std::vector<Explanation> made = context.explain_batch(
            {picture.inputs, picture.inputs}, Want::weights, status);
        CHECK(status.code() == (channels == INT64_MAX ? FMGCAM_STATUS_OVERFLOW
                                                      : FMGCAM_STATUS_RUNNER));
        CHECK(made.size() == 2 && made[0].status == status.code() &&
              made[1].status == status.code());
    }
}

// ---- Errors -----------------------------------------------------------------

void test_bad_inputs_get_the_words_of_the_library()
{
    Picture picture;
    Context context;
    Status status;
    const Want wanted = Want::maps;
    const fmgcam_inputs none = make<fmgcam_inputs>();
    context.explain(none, wanted, status);
    CHECK(!status.ok() && std::strcmp(status.detail(),
                                      fmgcam_error_detail(context.get())) == 0);
    for (std::uint32_t rank : {0u, 1u, 2u, 5u, 8u, 9u, 0xFFFFFFFFu}) {
        picture.a.rank = rank;
        context.explain(picture.inputs, wanted, status);
        CHECK(status.code() == FMGCAM_STATUS_SHAPE &&
              std::strstr(status.detail(), "activations: rank"));
    }
    picture.a.rank = 4;
    for (std::uint32_t rank : {0u, 1u, 2u, 5u, 8u, 9u, 0xFFFFFFFFu}) {
        picture.g.rank = rank;
        context.explain(picture.inputs, wanted, status);
        CHECK(status.code() == FMGCAM_STATUS_SHAPE &&
              std::strstr(status.detail(), "gradients: rank"));
    }
    picture.g.rank = 4;
    picture.g.shape[0] = -5;
    context.explain(picture.inputs, wanted, status);
    CHECK(status.code() == FMGCAM_STATUS_SHAPE);
    picture.g.shape[0] = K;
    context.explain(picture.inputs, wanted, status);
    CHECK(is(status, FMGCAM_STATUS_OK, ""));
}

// Strides of 0 make large tensors of one number.
void test_sizes_beyond_memory()
{
    const float one = 1.0f;
    Picture picture;
    Context context;
    Status status;
    picture.a = Tensor(&one, {1, INT32_MAX, INT32_MAX, 1});
    picture.g = Tensor(&one, {INT32_MAX, INT32_MAX, INT32_MAX, 1});
    for (int axis = 0; axis < 4; axis++)
        picture.a.strides[axis] = picture.g.strides[axis] = 0;
    context.explain(picture.inputs, Want::maps, status);
    CHECK(is(status, FMGCAM_STATUS_OVERFLOW,
             "outputs: more elements than memory can hold"));
    context.explain(picture.inputs, Want::weights, status);
    CHECK(status.code() == FMGCAM_STATUS_OVERFLOW);
    context.draw_heatmap(make<fmgcam_layers>(), UINT32_MAX, UINT32_MAX,
                         FMGCAM_PIXEL_RGBA8, status);
    CHECK(status.code() == FMGCAM_STATUS_OVERFLOW);
#if EXCEPTIONS && MAY_LACK_MEMORY
    picture.a.shape[2] = picture.g.shape[2] = 1 << 29;
    picture.g.shape[0] = 1 << 30;
    context.explain(picture.inputs, Want::maps, status);
    CHECK(is(status,
             sizeof(std::size_t) == 8 ? FMGCAM_STATUS_NO_MEMORY
                                      : FMGCAM_STATUS_OVERFLOW,
             sizeof(std::size_t) == 8
                 ? "outputs: no memory for them"
                 : "outputs: more elements than memory can hold"));
#endif
}

void test_contexts()
{
    static_assert(!std::is_copy_constructible<Context>::value, "one owner");
    static_assert(!std::is_copy_assignable<Context>::value, "one owner");
    static_assert(std::is_nothrow_move_constructible<Context>::value, "moves");
    static_assert(std::is_nothrow_move_assignable<Context>::value, "moves");
    Picture picture;
    Status status;
    Context first(status);
    CHECK(status.ok() && first && first.get());
    fmgcam_context *handle = first.get();
    Context second(std::move(first));
    CHECK(!first && second.get() == handle);
    first.explain(picture.inputs, Want::maps, status);
    CHECK(is(status, FMGCAM_STATUS_ARGUMENT, "context: NULL"));
    first = std::move(second);
    CHECK(first.get() == handle && !second);
    Context third(first.release());
    CHECK(!first && third.get() == handle);
    third.explain(picture.inputs, Want::maps, status);
    CHECK(status.ok());

    fmgcam_allocator half = fmgcam_allocator();
    half.allocate = [](void *, std::size_t size) { return std::malloc(size); };
    const Context none(half, status);
    CHECK(status.code() == FMGCAM_STATUS_ARGUMENT && !none);
    CHECK(std::strstr(status.detail(), "allocator"));
    half.release = [](void *, void *memory) { std::free(memory); };
    const Context whole(half, status);
    CHECK(status.ok() && whole);
}

#if EXCEPTIONS

template <class Call> std::string thrown_by(fmgcam_status code, Call call)
{
    try {
        call();
    } catch (const fmgcam::Error &error) {
        return error.status() == code ? error.what() : "of another status";
    }
    return "nothing";
}

void test_exceptions()
{
    Picture picture;
    Context context;
    const std::vector<float> floats(24);
    CHECK(thrown_by(FMGCAM_STATUS_SHAPE, [&] { Tensor(floats, {23}); }) ==
          "elements: 24, expected the shape's 23");
    picture.g.shape[1] = C - 1;
    const std::string what = thrown_by(FMGCAM_STATUS_SHAPE, [&] {
        context.explain(picture.inputs, Want::maps);
    });
    CHECK(what == fmgcam_error_detail(context.get()));
    CHECK(what.find("gradients") == 0);
    fmgcam_allocator half = fmgcam_allocator();
    half.release = [](void *, void *) {};
    CHECK(thrown_by(FMGCAM_STATUS_ARGUMENT, [&] {
              Context none(half);
          }).find("allocator") == 0);
    CHECK(thrown_by(FMGCAM_STATUS_ARGUMENT, [&] {
              context.check(fmgcam_filter_maps(context.get(), nullptr, nullptr,
                                               nullptr, nullptr));
          }) == fmgcam_error_detail(context.get()));
}

// A callback may throw: the call is not disturbed, or says that it failed.
void test_exceptions_in_hooks()
{
    Context context;
    const std::vector<float> values = numbers(K * S, 4);
    const Tensor maps(values, {K, H, W});
    fmgcam_layers layers = make<fmgcam_layers>();
    layers.maps = &maps;
    Status status;
    context.set_log(
        [](std::uint32_t, const char *) { throw std::runtime_error("log"); });
    context.explain(make<fmgcam_inputs>(), Want::maps, status);
    CHECK(status.code() == FMGCAM_STATUS_ARGUMENT);
    context.set_runner(
        [](const fmgcam::Task &, std::uint32_t) -> bool { throw 1; }, 2);
    context.draw_heatmap(layers, 640, 480, FMGCAM_PIXEL_RGB8, status);
    CHECK(status.code() == FMGCAM_STATUS_RUNNER);
}

#else

// What is not asked about ends the program, which is the end of the tests too.
void finish_when_aborted(int)
{
    CHECK(true);
    std::printf("%d passed, %d failed\n", passed, failed);
    std::fflush(stdout);
    std::_Exit(failed != 0);
}

void test_abort()
{
    std::signal(SIGABRT, finish_when_aborted);
    Context().explain(make<fmgcam_inputs>(), Want::maps);
    CHECK(!"it goes on");
}

#endif

// ---- Hooks ------------------------------------------------------------------

void test_log()
{
    Status status;
    std::string heard;
    Context context;
    context.set_log([&](std::uint32_t level, const char *message) {
        heard = std::to_string(level) + " " + message;
    });
    Context moved;
    moved = Context(std::move(context)); // the log moves with it
    moved.explain(make<fmgcam_inputs>(), Want::maps, status);
    CHECK(heard == std::string("1 ") + status.detail() && !status.ok());
    heard.clear();
    moved.set_log(fmgcam::Log());
    moved.explain(make<fmgcam_inputs>(), Want::maps, status);
    CHECK(heard.empty() && !status.ok());

    // The handle that is released does not call what is gone.
    moved.set_log([&](std::uint32_t, const char *) { heard = "gone"; });
    fmgcam_context *handle = moved.release();
    moved = Context();
    CHECK(fmgcam_explain(handle, nullptr, nullptr) != FMGCAM_STATUS_OK);
    CHECK(heard.empty());
    fmgcam_destroy(handle);
}

void test_runner()
{
    Context context;
    Status status;
    std::uint32_t tasks = 0;
    const std::vector<float> values = numbers(K * S, 4);
    const Tensor maps(values, {K, H, W});
    fmgcam_layers layers = make<fmgcam_layers>();
    layers.maps = &maps;
    const auto draw = [&](Context &by) {
        return by.draw_heatmap(layers, 640, 480, FMGCAM_PIXEL_RGB8, status);
    };
    const auto serial = draw(context);
    const auto threads = [&](const fmgcam::Task &task, std::uint32_t count) {
        tasks += count;
        std::thread other([task, count] {
            for (std::uint32_t i = 1; i < count; i += 2)
                task(i, 1);
        });
        for (std::uint32_t i = 0; i < count; i += 2)
            task(i, 0);
        other.join();
        return true;
    };
    const auto refuses = [](const fmgcam::Task &task, std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; i++)
            task(i, 0);
        return false;
    };
    context.set_runner(threads, 2);
    Context moved;
    moved = Context(std::move(context)); // the runner moves with it
    CHECK(same(draw(moved), serial) && status.ok());
    CHECK(tasks > 1);

    // One that is refused leaves the earlier one.
    fmgcam_limits limits = make<fmgcam_limits>();
    limits.classes = K;
    limits.channels = C;
    limits.map_height = H;
    limits.map_width = W;
    limits.picture_height = 480;
    limits.picture_width = 640;
    limits.workers = 2;
    CHECK(moved.workspace_size(limits) > 0);
    moved.reserve(limits);
    moved.set_runner(refuses, 3, status);
    CHECK(status.code() == FMGCAM_STATUS_LIMIT);
    CHECK(same(draw(moved), serial) && status.ok());
    moved.set_runner(refuses, 2);
    draw(moved);
    CHECK(status.code() == FMGCAM_STATUS_RUNNER);
    moved.set_runner(fmgcam::Runner(), 0);
    CHECK(same(draw(moved), serial) && status.ok());

    // A handle that is released does not run by what is gone.
    moved.set_runner(refuses, 2);
    Context released(moved.release());
    CHECK(same(draw(released), serial) && status.ok());
}

// ---- What else there is -----------------------------------------------------

void test_stages()
{
    Picture picture;
    Context context;
    const Explanation made = context.explain(picture.inputs, all);
    std::vector<float> values = made.signed_maps;
    const Tensor maps = made.view(values);
    const fmgcam_buffer out = fmgcam::buffer(values);
    CHECK(context.check(fmgcam_activate_maps(context.get(), &maps, &out)));
    CHECK(same(values, made.class_maps));
}

void test_drawing()
{
    Picture picture;
    Context context;
    Status status;
    const Explanation made = context.explain(picture.inputs, Want::maps);
    const Tensor maps = made.view(made.maps);
    fmgcam_layers layers = make<fmgcam_layers>();
    layers.maps = &maps;

    std::vector<std::uint8_t> heatmap(4 * 20 * 30);
    context.draw_heatmap(layers,
                         fmgcam::image(heatmap, 30, 20, FMGCAM_PIXEL_RGBA8));
    CHECK(same(context.draw_heatmap(layers, 30, 20, FMGCAM_PIXEL_RGBA8),
               heatmap));
    context.draw_heatmap(layers, 30, 20, 77, status);
    CHECK(std::strstr(status.detail(), "format: 77"));
    context.draw_heatmap(layers, 0, 20, FMGCAM_PIXEL_RGB8, status);
    CHECK(!status.ok());

    std::vector<std::uint8_t> pixels(3 * 20 * 30);
    for (std::size_t i = 0; i < pixels.size(); i++)
        pixels[i] = static_cast<std::uint8_t>(i * 7);
    const auto untouched = pixels;
    const auto overlay = context.draw_overlay(
        layers, fmgcam::read_only_image(untouched, 30, 20));
    const fmgcam_image in_place = fmgcam::image(pixels.data(), 30, 20);
    context.draw_overlay(layers, in_place, in_place);
    CHECK(same(overlay, pixels) && overlay != untouched);

    const auto larger = context.resample_maps(maps, 7, 9);
    CHECK(larger.size() == static_cast<std::size_t>(K) * 7 * 9);
    CHECK(same(context.resample_maps(maps, H, W), made.maps));

    fmgcam_step crop = fmgcam_step();
    crop.kind = FMGCAM_STEP_CROP;
    crop.width = 10;
    crop.height = 20;
    const fmgcam_geometry geometry = context.find_geometry(30, 20, {crop});
    CHECK(geometry.left >= 9.5 && geometry.right <= 20.5);
    crop.width = 31;
    context.find_geometry(30, 20, {crop}, status);
    CHECK(status.code() == FMGCAM_STATUS_ARGUMENT);
}

void test_choosing()
{
    Context context;
    Status status;
    const std::vector<float> y = {1.0f, 4.0f, 2.0f, 3.0f, -1.0f, 0.0f, -2.0f};
    const Tensor scores(y, {7});
    const auto best = context.choose_classes(scores);
    CHECK((best.classes == std::vector<std::uint32_t>{1, 3, 2, 0, 5}));
    CHECK(best.probabilities.size() == 5 && best.slots.empty());
    CHECK(best.probabilities[0] > 0.6f && best.probabilities[0] < 0.7f);
    fmgcam_choice choice = make<fmgcam_choice>();
    choice.rule = FMGCAM_CHOICE_PROBABILITY;
    choice.threshold = 0.99f;
    CHECK(context.choose_classes(scores, choice).classes.empty());
    choice.threshold = -1.0f;
    CHECK(context.choose_classes(scores, choice).classes.size() == 7);
    choice.count = 8;
    context.choose_classes(scores, choice, status);
    CHECK(status.code() == FMGCAM_STATUS_ARGUMENT &&
          std::strstr(status.detail(), "choice.count: 8"));
    CHECK(context.choose_classes(Tensor(y, {1, 7})).classes == best.classes);
    context.choose_classes(Tensor(), choice, status);
    CHECK(!status.ok());
}

void test_tracking()
{
    Context context;
    Status status;
    fmgcam_tracking tracking = make<fmgcam_tracking>();
    tracking.count = 2;
    const std::vector<float> first = {3.0f, 2.0f, 0.0f, 0.0f}, cut(3, 1.0f);
    const auto shown =
        context.track_classes(Tensor(first.data(), {3}), tracking);
    CHECK((shown.classes == std::vector<std::uint32_t>{0, 1}));
    CHECK((shown.slots == std::vector<std::uint32_t>{0, 1}));
    const auto later = context.track_classes(Tensor(cut, {3}), tracking);
    CHECK(later.classes == shown.classes && later.slots == shown.slots);
    context.track_classes(Tensor(first.data(), {4}), tracking, status);
    CHECK(!status.ok());

    const std::vector<float> maps = numbers(2 * S, 2), zeros(2 * S);
    const auto calm =
        context.smooth_maps(Tensor(maps, {2, H, W}), shown.classes);
    CHECK(same(calm, maps));
    CHECK(!same(context.smooth_maps(Tensor(zeros, {2, H, W}), shown.classes),
                zeros));
    context.restart();
    CHECK(same(context.smooth_maps(Tensor(zeros, {2, H, W}), shown.classes),
               zeros));
    context.smooth_maps(Tensor(zeros, {2, H, W}), {1}, tracking, status);
    CHECK(
        is(status, FMGCAM_STATUS_ARGUMENT, "classes: 1, expected the maps' 2"));
}

void test_measures()
{
    Picture picture;
    Context context;
    Status status;
    Explanation made = context.explain(picture.inputs, all);
    std::uint32_t cells = 0, won = 0;
    for (std::uint32_t rank = 0; rank < K; rank++)
        cells += context.measure_class(made, rank).cells;
    for (std::int32_t winner : made.winner)
        won += winner >= 0;
    CHECK(cells == won && cells > 0);
    CHECK(context.measure_class(made, 0).flags & FMGCAM_MEASURE_POSITIVE_SHARE);
    made.signed_maps.clear();
    CHECK(!(context.measure_class(made, 0).flags &
            FMGCAM_MEASURE_POSITIVE_SHARE));
    made.class_maps.clear();
    context.measure_class(made, 0, 0.5f, status);
    CHECK(status.code() == FMGCAM_STATUS_SHAPE);

    made = context.explain(picture.inputs, all);
    const Tensor again = made.view(made.class_maps);
    CHECK(context.measure_overlap(again).size() == 9);
    CHECK(
        same(context.measure_margin(made.view(made.signed_maps)), made.margin));
    const std::vector<std::uint8_t> whole(static_cast<std::size_t>(S), 1);
    const auto sums = context.measure_region(made.view(made.signed_maps),
                                             Tensor(whole, {H, W}));
    double sum = 0.0;
    for (std::size_t s = 0; s < static_cast<std::size_t>(S); s++)
        sum += static_cast<double>(made.signed_maps[s]);
    CHECK(sums.size() == 3 && sums[0] > sum - 1e-3 && sums[0] < sum + 1e-3);
}

void test_head()
{
    const std::vector<float> activations = numbers(C * S, 1);
    const std::vector<float> matrix = numbers(2 * C, 4);
    std::vector<float> scores(2);
    for (std::size_t k = 0; k < 2; k++)
        for (std::size_t i = 0; i < activations.size(); i++)
            scores[k] += matrix[k * C + i / S] * activations[i] / S;
    const Tensor a(activations, {C, H, W}), w(matrix, {2, C}), y(scores, {2});
    fmgcam_inputs inputs = make<fmgcam_inputs>();
    inputs.activations = &a;
    inputs.classifier = &w;
    inputs.scores = &y;
    Context context;
    Status status;
    CHECK(context.check_head(inputs, 1e-3).cause == FMGCAM_HEAD_FITS);
    scores[1] += 1.0f;
    CHECK(context.check_head(inputs, 1e-3).cause != FMGCAM_HEAD_FITS);
    context.check_head(inputs, -1.0, status);
    CHECK(status.code() == FMGCAM_STATUS_ARGUMENT);
}

} // namespace

int main()
{
    test_views();
    test_views_that_are_none();
    test_explain();
    test_explain_other_inputs();
    test_explain_signals_and_volumes();
    test_flat_and_counted();
    test_batch();
    test_a_batch_that_fails_as_a_whole();
    test_bad_inputs_get_the_words_of_the_library();
    test_sizes_beyond_memory();
    test_contexts();
    test_log();
    test_runner();
    test_stages();
    test_drawing();
    test_choosing();
    test_tracking();
    test_measures();
    test_head();
#if EXCEPTIONS
    test_exceptions();
    test_exceptions_in_hooks();
#else
    test_abort();
#endif
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
