// SPDX-License-Identifier: MIT
// examples/javascript with the library as it is installed, from run_ffi.py:
//
//   node --expose-gc test_javascript.mjs SAMPLE
//
// run beside fmgcam.mjs.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import koffi from 'koffi';
import * as fmgcam from './fmgcam.mjs';

const { Context, FmgcamError, tensor } = fmgcam;
const SAMPLE = process.argv[2];
const [K, C, H, W] = [5, 1280, 7, 7];
const MAPS_BOUND = 4.4e-5; // what float16 moves: examples/data/README.md
const STATUS = { ARGUMENT: 1, SHAPE: 2, UNSUPPORTED: 4, LIMIT: 9 };

// What follows the header of an .npy file.
function load(name, Type) {
  const file = readFileSync(join(SAMPLE, name + '.npy'));
  const start = file.byteOffset + 10 + file.readUInt16LE(8);
  return new Type(file.buffer.slice(start, file.byteOffset + file.length));
}
const a = load('activations', Uint16Array);
const g = load('gradients', Uint16Array);
const half = { dtype: 'float16' };
const activations = tensor(a, [C, H, W], half);
const gradients = tensor(g, [K, C, H, W], half);
const expectedMaps = load('expected_maps', Float32Array);

function toFloat(bits) {
  const [exponent, fraction] = [bits >> 10 & 31, bits & 1023];
  const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction / 2 ** 24;
  return bits >> 15 ? -size : size;
}
const a32 = Float32Array.from(a, toFloat);
const g32 = Float32Array.from(g, toFloat);

function withContext(options, work) {
  const context = new Context(options);
  try {
    return work(context);
  } finally {
    context.close();
  }
}

const explain = (inputs, more) => withContext({ arithmetic: 'reproducible' },
  (context) => context.explain(inputs, more));
const mapsOf = (inputs) => explain(inputs).maps;
const expected = mapsOf({ activations, gradients });

function largestError(ours, theirs) {
  assert.equal(ours.length, theirs.length);
  return ours.reduce((most, x, i) => Math.max(most, Math.abs(x - theirs[i])), 0);
}

// A function of the library with other types than the module gives it.
const library = koffi.load(process.env.FMGCAM_LIBRARY);
const raw = (text) => library.func(text);

// Whether that is how the message of an error begins that is not of the library.
const says = (text) => (error) => !(error instanceof FmgcamError) &&
  (error instanceof TypeError || error instanceof RangeError) &&
  error.message.startsWith(text);

const tests = {
  'maps are the expected ones'() {
    const wanted = ['weights', 'signed_maps', 'class_maps', 'winner', 'filtered_maps',
      'normalized_maps', 'maps', 'margin'];
    const found = explain({ activations, gradients }, { wanted });
    assert(largestError(found.maps, expectedMaps) < MAPS_BOUND);
    const classMaps = load('expected_class_maps', Float32Array);
    assert(largestError(found.class_maps, classMaps) < 1e-3 * Math.max(...classMaps));
    const won = [0, 1, 2, 3, 4].map((k) => found.winner.filter((w) => w === k).length);
    assert.deepEqual(won, [28, 6, 8, 5, 2]);
    assert.deepEqual(found.shape, [K, H, W]);
    assert.equal(found.weights.length, K * C);
    assert(found.winner instanceof Int32Array);
    found.signed_maps.forEach((x, i) => assert.equal(Math.max(x, 0), found.class_maps[i]));
    assert.equal(found.margin.length, H * W);
    assert(!found.flat && found.guarded === 0 && found.non_finite === 0);
  },

  'the classifier gives the same maps'() {
    const classifier = tensor(load('classifier', Uint16Array), [K, C], half);
    assert(largestError(mapsOf({ activations, classifier }), expectedMaps) < 1e-4);
    const two = explain({ activations, classifier, classes: [3, 1] });
    assert.deepEqual(two.shape, [2, H, W]);
  },

  'signals, and methods without classes'() {
    const found = withContext({ method: 'fem', spatial_axes: 1 }, (context) =>
      context.explain({ activations: tensor(a, [C, H * W], half) }));
    assert.deepEqual(found.shape, [1, H * W]);
  },

  'inputs are not copied'() {
    const slice = raw('int32 fmgcam_tensor_slice(_Out_ fmgcam_tensor *slice, ' +
                      'const fmgcam_tensor *tensor, int64 index)');
    const array = new Float32Array(1000);
    const view = tensor(array, [10, 20], { offset: 300, strides: [-20, 1] });
    const part = {};
    assert.equal(slice(part, view.raw, 1), 0);
    array[280] = 42;
    assert.equal(koffi.decode(part.data, 'float'), 42);
  },

  'outputs are written where they lie'() {
    const block = new Float32Array(K * H * W + 2).fill(9);
    const maps = block.subarray(1, -1);
    const found = explain({ activations, gradients }, { wanted: ['winner'], out: { maps } });
    assert.equal(found.maps, maps);
    assert.deepEqual(maps, expected);
    assert(block[0] === 9 && block.at(-1) === 9);
    for (const bad of [new Float32Array(3), new Float64Array(K * H * W)]) {
      assert.throws(() => explain({ activations, gradients }, { out: { maps: bad } }),
        /^TypeError: out\.maps: Float.*, expected a Float32Array of 245/);
    }
  },

  'types and strides do not change the maps'() {
    const wide = tensor(Float64Array.from(g32), [K, C, H, W]);
    assert.deepEqual(mapsOf({ activations: tensor(a32, [1, C, H, W]), gradients: wide }),
      expected);
    const last = new Float32Array(H * (W + 1) * C); // [H, W, C], bottom up
    a32.forEach((x, i) => {
      const [c, y, at] = [Math.floor(i / (H * W)), Math.floor(i / W) % H, i % W];
      last[((H - 1 - y) * (W + 1) + at) * C + c] = x;
    });
    const view = tensor(last, [C, H, W],
      { offset: (H - 1) * (W + 1) * C, strides: [1, -(W + 1) * C, C] });
    assert.deepEqual(mapsOf({ activations: view, gradients }), expected);
  },

  'bfloat16 is the upper half of a float'() {
    const upper = new Uint16Array(g32.buffer).filter((_, i) => i % 2 === 1);
    const cut = new Float32Array(Uint32Array.from(upper, (x) => x << 16).buffer);
    assert.deepEqual(
      mapsOf({ activations, gradients: tensor(upper, [K, C, H, W], { dtype: 'bfloat16' }) }),
      mapsOf({ activations, gradients: tensor(cut, [K, C, H, W]) }));
  },

  'integers mean what their quantization says'() {
    const scale = Math.fround(Math.max(...a32) / 255);
    const q = Uint8Array.from(a32, (x) => Math.min(255, Math.round(x / scale) + 2));
    const meant = Float32Array.from(q, (x) => scale * (x - 2));
    const quantization = { scales: [scale], zero_points: [2] };
    assert.deepEqual(
      mapsOf({ activations: tensor(q, [C, H, W], { quantization }), gradients }),
      mapsOf({ activations: tensor(meant, [C, H, W]), gradients }));
    assert.throws(() => mapsOf({ activations: tensor(q, [C, H, W]), gradients }),
      /activations.*quantization/);
  },

  'views beyond their array are refused'() {
    const data = new Float32Array(12);
    for (const [shape, options] of [
      [[3, 5]], [[13]], [[3, 4], { offset: 1 }], [[3, 4], { strides: [5, 1] }],
      [[3, 4], { strides: [-4, 1] }], [[1], { offset: 12 }], [[0, 4]], [[1.5]], [[-1]],
      [[2 ** 31]], [[2], { strides: [1, 1] }], [[2 ** 31 - 1], { strides: [2 ** 53 - 1] }],
      [Array(9).fill(1)], [[4], { offset: -1 }], [['4']],
    ]) {
      assert.throws(() => tensor(data, shape, options), RangeError, JSON.stringify([shape]));
    }
    tensor(data, [3, 4], { offset: 8, strides: [-4, 1] });
    tensor(data, [5], { offset: 11, strides: [0] });
    for (const [text, ...given] of [
      ['dtype: undefined, expected float16 or bfloat16 for a Uint16Array',
        new Uint16Array(4), [4]],
      ["dtype: 'float32', expected float16 or bfloat16 for a Uint16Array",
        new Uint16Array(4), [4], { dtype: 'float32' }],
      ["dtype: 'float16', expected float32 for a Float32Array", data, [4], half],
      ['data: BigInt64Array(1) [ 0n ], expected a typed array: Float32Array, ',
        new BigInt64Array(1), [1]],
      ['data: [ 1, 2 ], expected a typed array: ', [1, 2], [2]],
      ["shape: '3x4', expected an array", data, '3x4'],
      ['shape: 12, expected an array', data, 12],
      ['shape: undefined, expected an array', data],
      ['shape.length: 9, expected 8 at most', data, Array(9).fill(1)],
      ['shape: undefined, expected an integer in 1 to ', data, [, 4]],
      ["shape: '4', expected an integer in 1 to ", data, ['4']],
      ['strides: 1, expected an array', data, [4], { strides: 1 }],
      ['strides.length: 2, expected 1', data, [4], { strides: [4, 1] }],
      ['scales: 0.5, expected an array', new Int8Array(4), [4],
        { quantization: { scales: 0.5 } }],
      ['zero_points.length: 2, expected 1', new Int8Array(4), [4],
        { quantization: { scales: [0.5], zero_points: [1, 2] } }],
    ]) {
      assert.throws(() => tensor(...given), says(text), text);
    }
  },

  'arrays that were detached are refused'() {
    const array = a.slice();
    const view = tensor(array, [C, H, W], half);
    structuredClone(array.buffer, { transfer: [array.buffer] });
    assert.throws(() => mapsOf({ activations: view, gradients }),
      says('activations: Uint16Array(0) [], expected its 62720 elements, but it was'));
  },

  'errors name the argument'() {
    withContext({}, (context) => {
      const unfit = tensor(g, [K, C - 1, H, W], half);
      assert.throws(() => context.explain({ activations, gradients: unfit }), (error) =>
        error instanceof FmgcamError && error.status === STATUS.SHAPE &&
        error.message.startsWith('gradients: shape [5,1279,7,7]'));
      assert.throws(() => context.explain({}), FmgcamError);
      context.explain({ activations, gradients });
      assert.throws(() => context.explain({ activations, gradient: gradients }),
        /inputs\.gradient: there is no such member/);
      assert.throws(() => context.explain({ activations: a, gradients }),
        /^TypeError: activations: Uint16Array\(62720\) .*, expected what tensor\(/);
      for (const wanted of [['map'], 'map']) {
        assert.throws(() => context.explain({ activations, gradients }, { wanted }),
          says("wanted: 'map', expected some of weights, "));
      }
      assert.throws(() => context.explain({ activations }, { out: { map: null } }),
        says('out.map: there is no such member'));
      const { maps, winner } = context.explain({ activations, gradients },
        { wanted: 'winner' });
      assert(winner.length === H * W && !maps);
      const some = 'expected an object with some of';
      assert.throws(() => context.explain(),
        says(`inputs: undefined, ${some} activations, gradients, `));
      assert.throws(() => context.reserve(), says(`limits: undefined, ${some}`));
      assert.throws(() => context.drawOverlay(), says(`layers: undefined, ${some}`));
      assert.throws(() => context.drawOverlay(null, {}),
        says(`picture: null, ${some} data, `));
      assert.throws(() => context.chooseClasses(), { message: /^scores: NULL/ });
      assert.throws(() => context.explain({ activations, gradients, classes: 3 }),
        says('classes: 3, expected an array'));
      assert.throws(() => context.explain({ activations, gradients, classes: [-1] }),
        /classes: -1/);
    });
    assert.throws(() => new Context({ activation: 'relo' }), /activation: 'relo', expected/);
    assert.throws(() => new Context({ alpha: 1.5 }), /options\.alpha: 1\.5/);
    assert.throws(() => new Context({ spatial_axes: -2 }),
      says('spatial_axes: -2, expected an integer in 0 to 4294967295'));
    assert.throws(() => new Context({ alpha: 'x' }), says("alpha: 'x', expected a number"));
    assert.throws(() => new Context({ log: 3 }), says('log: 3, expected a function'));
    const context = new Context();
    context.close();
    context.close();
    assert.throws(() => context.explain({ activations, gradients }), /closed/);
  },

  'options are those of the header'() {
    withContext({ profile: 'released', alpha: 0, unseen_kept: true }, (context) => {
      const options = context.options;
      assert.equal(options.normalize, 'l2_columns');
      assert.equal(options.alpha, 0);
      assert(options.unseen_kept);
      context.setOptions();
      assert.equal(context.options.profile, 'standard');
      assert(Math.abs(context.options.alpha - 0.6) < 1e-6);
      context.setOptions(options);
      assert.deepEqual(context.options, options);
      context.setOptions({ method: 'grad-cam-plus-plus', activation: 2 });
      assert.equal(context.options.activation, 'gelu');
    });
  },

  'limits are kept'() {
    withContext({}, (context) => {
      context.reserve({ classes: K, channels: C, map_height: H, map_width: W - 1 });
      assert.throws(() => context.explain({ activations, gradients }),
        { status: STATUS.LIMIT });
      assert.throws(() => context.reserve({ classes: -1 }), RangeError);
      assert.throws(() => context.reserve({ klasses: 1 }), TypeError);
    });
  },

  'classes are chosen'() {
    const scores = load('scores', Float32Array);
    const view = tensor(scores, [1, K], { offset: K - 1, strides: [0, -1] });
    withContext({}, (context) => {
      const { classes, probabilities } = context.chooseClasses(view, { count: 2 });
      assert.deepEqual([...classes], [4, 3]);
      const sum = scores.reduce((total, y) => total + Math.exp(y - scores[0]), 0);
      assert(Math.abs(probabilities[0] - 1 / sum) < 1e-6);
      const some = context.chooseClasses(view,
        { rule: 'thresholds', link: 'none', thresholds: [20, 8, 20, 12, 20] });
      assert.deepEqual([...some.classes], [3, 1]);
      assert.throws(() => context.chooseClasses(view, { thresholds: [1] }),
        says('thresholds.length: 1, expected 5'));
      assert.throws(() => context.chooseClasses(view, { threshold: 'x' }),
        says("threshold: 'x', expected a number"));
      assert.throws(() => context.chooseClasses(view, { count: 6 }), FmgcamError);
    });
  },

  'overlays are drawn in place'() {
    const [width, height, row_stride] = [30, 20, 100];
    const maps = tensor(expected, [K, H, W]);
    const draw = (layers, more) => withContext({}, (context) => {
      const data = new Uint8ClampedArray(height * row_stride).fill(100);
      context.drawOverlay({ data, width, height, row_stride, ...more },
        { maps, ...layers });
      return data;
    });
    const drawn = draw({});
    assert(drawn.some((x) => x !== 100));
    assert(drawn.every((x, i) => i % row_stride < 3 * width || x === 100));
    const colors = [[213, 94, 0], [86, 180, 233], [240, 228, 66], [0, 158, 115],
      [204, 121, 167]];
    assert.deepEqual(draw({ colors }), drawn);
    assert.deepEqual(draw({ classes: [0, 1, 2, 3, 4] }), drawn);
    assert.notDeepEqual(draw({ classes: [1, 2, 3, 4, 5] }), drawn);
    const bgr = draw({}, { format: 'bgr8' });
    assert.equal(bgr[2], drawn[0]);
    assert.throws(() => draw({ colors: colors.slice(1) }), /colors\.length: 4, expected 5/);
    assert.throws(() => draw({ classes: [1] }), /classes\.length: 1, expected 5/);
    assert.throws(() => draw({}, { height: height + 1 }),
      /picture\.data: Uint8ClampedArray.*, expected a Uint8Array of 2090/);
    assert.throws(() => draw({}, { row_stride: 89 }),
      /row_stride: 89, expected an integer in 90 to /);
  },

  'the log is kept alive and heard'() {
    const lines = [];
    withContext({ log: (...line) => lines.push(line) }, (context) => {
      for (let i = 0; i < 20; i++) {
        global.gc();
        assert.throws(() => context.explain({ activations }), FmgcamError);
      }
    });
    assert.equal(lines.length, 20);
    assert.equal(lines[0][0], 1);
    assert.match(lines[0][1], /gradients/);
  },

  'exceptions of the log come out'() {
    const log = () => {
      throw new SyntaxError('mine');
    };
    withContext({ log }, (context) => {
      assert.throws(() => context.explain({ activations }), SyntaxError);
      context.explain({ activations, gradients });
    });
  },

  'the log must not call its context'() {
    const context = new Context({ log: () => context.close() });
    assert.throws(() => context.explain({ activations }), /in another call/);
    context.close();
  },

  async 'forgotten contexts are released'() {
    let heard;
    (function forget() {
      const log = () => {};
      heard = new WeakRef(log);
      new Context({ log }).explain({ activations, gradients });
    })();
    for (let i = 0; i < 50 && heard.deref(); i++) {
      await wait(10);
      global.gc();
    }
    assert.equal(heard.deref(), undefined);
  },

  'nothing leaks'() {
    const rounds = 300;
    const work = () => {
      for (let i = 0; i < rounds; i++) {
        withContext({ log: () => {} }, (context) => {
          context.reserve({ classes: K, channels: C, map_height: H, map_width: W,
            picture_height: 64, picture_width: 64 });
          context.explain({ activations, gradients });
          assert.throws(() => context.explain({ activations }), FmgcamError);
        });
      }
      global.gc();
      return process.memoryUsage().rss;
    };
    work();
    const before = work();
    assert(work() - before < rounds * 10000);
  },

  'versions'() {
    assert(fmgcam.buildInfo().startsWith('fmgcam 0.'));
    const found = fmgcam.version();
    fmgcam.checkVersion(found + 1);
    for (const other of [found - 0x100, found + 0x10000]) {
      assert.throws(() => fmgcam.checkVersion(other), /libfmgcam: version/);
    }
  },

  // As in 0.1: it ended with color_map. What is behind is neither read nor written.
  'options of the first version'() {
    const size = koffi.offsetof(fmgcam.STRUCTS.options, 'color_map') + 4;
    const bytes = Buffer.alloc(size + 16, 0x77);
    bytes.fill(0, 0, size);
    bytes.writeBigUInt64LE(BigInt(size), 0);
    bytes.writeUInt32LE(2, koffi.offsetof(fmgcam.STRUCTS.options, 'profile'));
    const made = [null];
    assert.equal(fmgcam.C.create(null, made, null, 0), 0);
    const set = raw('int32 fmgcam_set_options(fmgcam_context *context, void *options)');
    const get = raw('int32 fmgcam_get_options(fmgcam_context *context, void *options)');
    assert.equal(set(made[0], bytes), 0);
    assert.equal(get(made[0], bytes), 0);
    assert.equal(bytes.readUInt32LE(koffi.offsetof(fmgcam.STRUCTS.options, 'normalize')), 2);
    assert(bytes.subarray(size).every((x) => x === 0x77));
    bytes.writeBigUInt64LE(BigInt(size + 8), 0);
    assert.equal(set(made[0], bytes), STATUS.UNSUPPORTED);
    bytes.writeBigUInt64LE(BigInt(size - 1), 0);
    assert.equal(set(made[0], bytes), STATUS.ARGUMENT);
    fmgcam.C.destroy(made[0]);
  },
};

// What the module takes for granted, as expressions of C.
function* claims() {
  for (const [name, type] of Object.entries(fmgcam.STRUCTS)) {
    const struct = 'fmgcam_' + name;
    yield [`sizeof(${struct})`, koffi.sizeof(type)];
    for (const member of Object.values(koffi.introspect(type).members)) {
      yield [`offsetof(${struct}, ${member.name})`, member.offset];
      yield [`sizeof(((${struct} *)0)->${member.name})`, koffi.sizeof(member.type)];
    }
  }
  for (const [kind, names] of Object.entries(fmgcam.ENUMERATORS)) {
    for (const [at, name] of names.entries()) {
      yield [`FMGCAM_${kind}_${name}`.toUpperCase(), at + 1];
    }
  }
  for (const [name, bit] of Object.entries(fmgcam.BITS)) {
    yield ['FMGCAM_' + name, bit];
  }
  yield ['FMGCAM_VERSION', fmgcam.version()];
}
writeFileSync(process.env.FMGCAM_TEST_CLAIMS,
  [...claims()].map((claim) => claim.join(' ') + '\n').join(''));

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
  } catch (error) {
    failed++;
    console.log(`${name}: ${error.stack}`);
  }
}
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
