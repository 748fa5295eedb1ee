// SPDX-License-Identifier: MIT
//! Explain the classes of one picture from its tensors, float16 in .npy files:
//!
//!     explain activations.npy gradients.npy
//!
//! Prints the cells that each class wins, best class first, and its largest map
//! value.
use std::error::Error;

use fmgcam::{Context, Inputs, Tensor, Wanted, F16};

/// The numbers and the shape of an .npy file of float16 in C order.
fn read_npy(path: &str) -> Result<(Vec<F16>, Vec<usize>), Box<dyn Error>> {
    let file = std::fs::read(path).map_err(|error| format!("{}: {}", path, error))?;
    let unfit = || format!("{}: no .npy file of float16 in C order", path);
    let size = match file.get(..10) {
        Some(start) if start.starts_with(b"\x93NUMPY\x01") => {
            10 + usize::from(u16::from_le_bytes([start[8], start[9]]))
        }
        _ => return Err(unfit().into()),
    };
    let header = std::str::from_utf8(file.get(10..size).ok_or_else(unfit)?)?;
    if !header.contains("'<f2'") || !header.contains("'fortran_order': False") {
        return Err(unfit().into());
    }
    let (_, rest) = header.split_once("'shape': (").ok_or_else(unfit)?;
    let (shape, _) = rest.split_once(')').ok_or_else(unfit)?;
    let shape = shape
        .split(',')
        .map(str::trim)
        .filter(|extent| !extent.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let values = file[size..]
        .chunks_exact(2)
        .map(|pair| F16(u16::from_le_bytes([pair[0], pair[1]])))
        .collect();
    Ok((values, shape))
}

fn explain(activations: &str, gradients: &str) -> Result<(), Box<dyn Error>> {
    let (a, a_shape) = read_npy(activations)?;
    let (g, g_shape) = read_npy(gradients)?;
    let inputs = Inputs {
        activations: Some(Tensor::new(&a, &a_shape)?),
        gradients: Some(Tensor::new(&g, &g_shape)?),
        ..Inputs::default()
    };
    let wanted = Wanted { maps: true, winner: true, ..Wanted::default() };
    let found = Context::new()?.explain(&inputs, wanted)?;
    for (rank, map) in found.maps.chunks(found.winner.len()).enumerate() {
        let cells = found.winner.iter().filter(|&&winner| winner == rank as i32).count();
        let largest = map.iter().copied().fold(0.0, f32::max);
        println!("class {}: {:2} of {} cells, at most {:.3}", rank, cells, map.len(), largest);
    }
    Ok(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [activations, gradients] => explain(activations, gradients),
        _ => Err("usage: explain activations.npy gradients.npy".into()),
    };
    if let Err(error) = result {
        eprintln!("explain: {}", error);
        std::process::exit(1);
    }
}
