// SPDX-License-Identifier: MIT
//! Ask pkg-config where libfmgcam is. PKG_CONFIG may name another program.
use std::env;
use std::process::Command;

fn main() {
    for name in ["PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR"] {
        println!("cargo:rerun-if-env-changed={}", name);
    }
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let done = Command::new(&program)
        .args(["--libs", "--print-errors", "fmgcam >= 0.1"])
        .output()
        .unwrap_or_else(|error| panic!("{}: {}", program.to_string_lossy(), error));
    if !done.status.success() {
        panic!("{}", String::from_utf8_lossy(&done.stderr));
    }
    for word in String::from_utf8_lossy(&done.stdout).split_whitespace() {
        if let Some(folder) = word.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={}", folder);
        } else if let Some(library) = word.strip_prefix("-l") {
            println!("cargo:rustc-link-lib=dylib={}", library);
        }
    }
}
