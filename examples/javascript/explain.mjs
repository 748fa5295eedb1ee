#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Explain the classes of one picture from its tensors, float16 in .npy files:
//
//   node explain.mjs activations.npy gradients.npy
//
// Prints the cells that each class wins, best class first, and its largest map
// value.
import { readFileSync } from 'node:fs';
import { Context, tensor } from './fmgcam.mjs';

function readNpy(path) {
  const file = readFileSync(path);
  const size = 10 + file.readUInt16LE(8);
  const header = file.toString('latin1', 10, size);
  const shape = header.match(/'shape': \(([\d, ]*)\)/)?.[1];
  if (file.toString('latin1', 1, 7) !== 'NUMPY\x01' || !shape ||
      !/'<f2'.*'fortran_order': False/.test(header)) {
    throw new Error(`${path}: no .npy file of float16 in C order`);
  }
  const bits = new Uint16Array(file.buffer.slice(file.byteOffset + size,
    file.byteOffset + file.length));
  return tensor(bits, shape.split(',').filter((word) => word.trim()).map(Number),
    { dtype: 'float16' });
}

function explain(activations, gradients) {
  const context = new Context();
  try {
    const found = context.explain({
      activations: readNpy(activations), gradients: readNpy(gradients),
    }, { wanted: ['maps', 'winner'] });
    const cells = found.winner.length;
    for (let rank = 0; rank < found.shape[0]; rank++) {
      const won = found.winner.filter((winner) => winner === rank).length;
      const largest = Math.max(...found.maps.subarray(rank * cells,
        (rank + 1) * cells));
      console.log(`class ${rank}: ${String(won).padStart(2)} of ${cells} cells, ` +
                  `at most ${largest.toFixed(3)}`);
    }
  } finally {
    context.close();
  }
}

if (process.argv.length !== 4) {
  console.error('usage: explain.mjs activations.npy gradients.npy');
  process.exit(2);
}
try {
  explain(...process.argv.slice(2));
} catch (error) {
  console.error(`explain.mjs: ${error.message}`);
  process.exit(1);
}
