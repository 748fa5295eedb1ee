// SPDX-License-Identifier: MIT
//! What `fmgcam.h` declares, by its names; that header documents it. A struct's
//! default is all zero but `struct_size`, which is its size.
#![allow(missing_docs, non_camel_case_types)]

use std::mem::size_of;
use std::os::raw::{c_char, c_void};
use std::ptr::null;

pub type fmgcam_status = i32;

pub const FMGCAM_STATUS_OK: fmgcam_status = 0;
pub const FMGCAM_STATUS_ARGUMENT: fmgcam_status = 1;
pub const FMGCAM_STATUS_SHAPE: fmgcam_status = 2;
pub const FMGCAM_STATUS_STRIDE: fmgcam_status = 3;
pub const FMGCAM_STATUS_UNSUPPORTED: fmgcam_status = 4;
pub const FMGCAM_STATUS_NON_FINITE: fmgcam_status = 5;
pub const FMGCAM_STATUS_OVERFLOW: fmgcam_status = 6;
pub const FMGCAM_STATUS_NO_MEMORY: fmgcam_status = 7;
pub const FMGCAM_STATUS_BUFFER_SIZE: fmgcam_status = 8;
pub const FMGCAM_STATUS_LIMIT: fmgcam_status = 9;
pub const FMGCAM_STATUS_RUNNER: fmgcam_status = 10;

pub const FMGCAM_DTYPE_FLOAT32: u32 = 1;
pub const FMGCAM_DTYPE_FLOAT16: u32 = 2;
pub const FMGCAM_DTYPE_FLOAT64: u32 = 3;
pub const FMGCAM_DTYPE_BFLOAT16: u32 = 4;
pub const FMGCAM_DTYPE_INT8: u32 = 5;
pub const FMGCAM_DTYPE_UINT8: u32 = 6;

pub const FMGCAM_PROFILE_STANDARD: u32 = 1;
pub const FMGCAM_PROFILE_RELEASED: u32 = 2;

pub const FMGCAM_METHOD_GRAD_CAM: u32 = 1;
pub const FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS: u32 = 2;
pub const FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE: u32 = 3;
pub const FMGCAM_METHOD_XGRAD_CAM: u32 = 4;
pub const FMGCAM_METHOD_LAYER_CAM: u32 = 5;
pub const FMGCAM_METHOD_HIRES_CAM: u32 = 6;
pub const FMGCAM_METHOD_ELEMENT_WISE: u32 = 7;
pub const FMGCAM_METHOD_CONTRASTIVE: u32 = 8;
pub const FMGCAM_METHOD_EIGEN_CAM: u32 = 9;
pub const FMGCAM_METHOD_EIGEN_GRAD_CAM: u32 = 10;
pub const FMGCAM_METHOD_FEM: u32 = 11;

pub const FMGCAM_TARGET_LOGIT: u32 = 1;
pub const FMGCAM_TARGET_SOFTMAX: u32 = 2;
pub const FMGCAM_TARGET_SIGMOID: u32 = 3;

pub const FMGCAM_NON_FINITE_ERROR: u32 = 1;
pub const FMGCAM_NON_FINITE_SKIP: u32 = 2;
pub const FMGCAM_NON_FINITE_PROPAGATE: u32 = 3;

pub const FMGCAM_LAYER_FUSION_MEAN: u32 = 1;
pub const FMGCAM_LAYER_FUSION_MAXIMUM: u32 = 2;
pub const FMGCAM_LAYER_FUSION_PRODUCT: u32 = 3;

pub const FMGCAM_ACTIVATION_RELU: u32 = 1;
pub const FMGCAM_ACTIVATION_GELU: u32 = 2;
pub const FMGCAM_ACTIVATION_ELU: u32 = 3;
pub const FMGCAM_ACTIVATION_NONE: u32 = 4;

pub const FMGCAM_FILTER_ARGMAX: u32 = 1;
pub const FMGCAM_FILTER_NONE: u32 = 2;

pub const FMGCAM_NORMALIZE_L2: u32 = 1;
pub const FMGCAM_NORMALIZE_L2_COLUMNS: u32 = 2;
pub const FMGCAM_NORMALIZE_NONE: u32 = 3;
pub const FMGCAM_NORMALIZE_MAX: u32 = 4;
pub const FMGCAM_NORMALIZE_PROBABILITY: u32 = 5;

pub const FMGCAM_RESCALE_STACK: u32 = 1;
pub const FMGCAM_RESCALE_CLASS: u32 = 2;
pub const FMGCAM_RESCALE_NONE: u32 = 3;

pub const FMGCAM_ARITHMETIC_AUTO: u32 = 1;
pub const FMGCAM_ARITHMETIC_BLAS: u32 = 2;
pub const FMGCAM_ARITHMETIC_REPRODUCIBLE: u32 = 3;

pub const FMGCAM_FUSE_AT_MAP: u32 = 1;
pub const FMGCAM_FUSE_AT_IMAGE: u32 = 2;

pub const FMGCAM_RESAMPLE_NEAREST: u32 = 1;
pub const FMGCAM_RESAMPLE_BILINEAR: u32 = 2;
pub const FMGCAM_RESAMPLE_BICUBIC: u32 = 3;

pub const FMGCAM_BLEND_EVIDENCE: u32 = 1;
pub const FMGCAM_BLEND_CONSTANT: u32 = 2;

pub const FMGCAM_PALETTE_OKABE_ITO: u32 = 1;
pub const FMGCAM_PALETTE_TOL: u32 = 2;
pub const FMGCAM_PALETTE_RELEASED: u32 = 3;

pub const FMGCAM_COLOR_MAP_CLASS: u32 = 1;
pub const FMGCAM_COLOR_MAP_VIRIDIS: u32 = 2;
pub const FMGCAM_COLOR_MAP_MAGMA: u32 = 3;
pub const FMGCAM_COLOR_MAP_TURBO: u32 = 4;
pub const FMGCAM_COLOR_MAP_JET: u32 = 5;
pub const FMGCAM_COLOR_MAP_GREY: u32 = 6;
pub const FMGCAM_COLOR_MAP_DIVERGING: u32 = 7;

pub const FMGCAM_OPTION_ALPHA_SET: u32 = 1;
pub const FMGCAM_OPTION_UNSEEN_KEPT: u32 = 2;

pub const FMGCAM_LOG_ERROR: u32 = 1;
pub const FMGCAM_LOG_INFO: u32 = 2;

pub const FMGCAM_LIMIT_EIGEN: u32 = 1;

pub const FMGCAM_RESULT_FLAT: u32 = 1;

pub const FMGCAM_PIXEL_RGB8: u32 = 1;
pub const FMGCAM_PIXEL_BGR8: u32 = 2;
pub const FMGCAM_PIXEL_RGBA8: u32 = 3;
pub const FMGCAM_PIXEL_BGRA8: u32 = 4;
pub const FMGCAM_PIXEL_GREY8: u32 = 5;

pub const FMGCAM_CHOICE_TOP: u32 = 1;
pub const FMGCAM_CHOICE_MASS: u32 = 2;
pub const FMGCAM_CHOICE_PROBABILITY: u32 = 3;
pub const FMGCAM_CHOICE_THRESHOLDS: u32 = 4;
pub const FMGCAM_CHOICE_GAP: u32 = 5;

pub const FMGCAM_LINK_SOFTMAX: u32 = 1;
pub const FMGCAM_LINK_SIGMOID: u32 = 2;
pub const FMGCAM_LINK_NONE: u32 = 3;

pub const FMGCAM_MAX_RANK: usize = 8;

/// Opaque.
#[repr(C)]
pub struct fmgcam_context {
    private: [u8; 0],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct fmgcam_tensor {
    pub data: *const c_void,
    pub dtype: u32,
    pub rank: u32,
    pub shape: [i64; FMGCAM_MAX_RANK],
    pub strides: [i64; FMGCAM_MAX_RANK],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct fmgcam_quantization {
    pub struct_size: usize,
    pub scales: *const f32,
    pub zero_points: *const i32,
    pub count: u32,
    pub axis: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct fmgcam_buffer {
    pub data: *mut c_void,
    pub size_bytes: usize,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct fmgcam_options {
    pub struct_size: usize,
    pub flags: u32,
    pub profile: u32,
    pub method: u32,
    pub activation: u32,
    pub filter: u32,
    pub normalize: u32,
    pub rescale: u32,
    pub arithmetic: u32,
    pub fuse_at: u32,
    pub resample: u32,
    pub blend: u32,
    pub alpha: f32,
    pub target: u32,
    pub non_finite: u32,
    pub layer_fusion: u32,
    pub spatial_axes: u32,
    pub palette: u32,
    pub color_map: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct fmgcam_limits {
    pub struct_size: usize,
    pub classes: u32,
    pub channels: u32,
    pub map_height: u32,
    pub map_width: u32,
    pub picture_height: u32,
    pub picture_width: u32,
    pub workers: u32,
    pub flags: u32,
    pub map_depth: u32,
    pub batch: u32,
    pub tracked_scores: u32,
    pub smoothed_classes: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct fmgcam_inputs {
    pub struct_size: usize,
    pub activations: *const fmgcam_tensor,
    pub gradients: *const fmgcam_tensor,
    pub weights: *const fmgcam_tensor,
    pub classifier: *const fmgcam_tensor,
    pub bias: *const fmgcam_tensor,
    pub scores: *const fmgcam_tensor,
    pub probabilities: *const fmgcam_tensor,
    pub classes: *const u32,
    pub class_count: u32,
    pub flags: u32,
    pub activations_quantization: *const fmgcam_quantization,
    pub gradients_quantization: *const fmgcam_quantization,
    pub weights_quantization: *const fmgcam_quantization,
    pub classifier_quantization: *const fmgcam_quantization,
    pub bias_quantization: *const fmgcam_quantization,
    pub scores_quantization: *const fmgcam_quantization,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct fmgcam_outputs {
    pub struct_size: usize,
    pub weights: fmgcam_buffer,
    pub signed_maps: fmgcam_buffer,
    pub class_maps: fmgcam_buffer,
    pub winner: fmgcam_buffer,
    pub filtered_maps: fmgcam_buffer,
    pub normalized_maps: fmgcam_buffer,
    pub maps: fmgcam_buffer,
    pub flags: u32,
    pub result: u32,
    pub margin: fmgcam_buffer,
    pub guarded: u64,
    pub non_finite: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct fmgcam_image {
    pub data: *mut c_void,
    pub row_stride_bytes: i64,
    pub width: u32,
    pub height: u32,
    pub format: u32,
    pub flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct fmgcam_layers {
    pub struct_size: usize,
    pub maps: *const fmgcam_tensor,
    pub signed_maps: *const fmgcam_tensor,
    pub colors: *const u8,
    pub probabilities: *const fmgcam_tensor,
    pub classes: *const u32,
    pub geometry: *const c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct fmgcam_choice {
    pub struct_size: usize,
    pub rule: u32,
    pub link: u32,
    pub count: u32,
    pub threshold: f32,
    pub temperature: f32,
    pub flags: u32,
    pub thresholds: *const f32,
    pub scores_quantization: *const fmgcam_quantization,
}

macro_rules! default_is_zero {
    ($($name:ident)*) => {$(
        impl Default for $name {
            fn default() -> Self {
                // SAFETY: zero is a value of each member: numbers and pointers.
                let zero: Self = unsafe { std::mem::zeroed() };
                Self { struct_size: size_of::<Self>(), ..zero }
            }
        }
    )*};
}
default_is_zero!(fmgcam_quantization fmgcam_options fmgcam_limits fmgcam_inputs
                 fmgcam_outputs fmgcam_layers fmgcam_choice);

impl Default for fmgcam_tensor {
    fn default() -> Self {
        Self { data: null(), dtype: 0, rank: 0, shape: [0; 8], strides: [0; 8] }
    }
}

pub type fmgcam_log_fn =
    Option<unsafe extern "C" fn(opaque: *mut c_void, level: u32, message: *const c_char)>;

extern "C" {
    pub fn fmgcam_status_string(status: fmgcam_status) -> *const c_char;
    pub fn fmgcam_version() -> u32;
    pub fn fmgcam_build_info() -> *const c_char;
    pub fn fmgcam_create(
        allocator: *const c_void,
        context: *mut *mut fmgcam_context,
        error: *mut c_char,
        error_size: usize,
    ) -> fmgcam_status;
    pub fn fmgcam_destroy(context: *mut fmgcam_context);
    pub fn fmgcam_error_detail(context: *const fmgcam_context) -> *const c_char;
    pub fn fmgcam_set_options(
        context: *mut fmgcam_context,
        options: *const fmgcam_options,
    ) -> fmgcam_status;
    pub fn fmgcam_get_options(
        context: *mut fmgcam_context,
        options: *mut fmgcam_options,
    ) -> fmgcam_status;
    pub fn fmgcam_set_log(
        context: *mut fmgcam_context,
        log: fmgcam_log_fn,
        opaque: *mut c_void,
    ) -> fmgcam_status;
    pub fn fmgcam_reserve(
        context: *mut fmgcam_context,
        limits: *const fmgcam_limits,
    ) -> fmgcam_status;
    pub fn fmgcam_explain(
        context: *mut fmgcam_context,
        inputs: *const fmgcam_inputs,
        outputs: *mut fmgcam_outputs,
    ) -> fmgcam_status;
    pub fn fmgcam_choose_classes(
        context: *mut fmgcam_context,
        choice: *const fmgcam_choice,
        scores: *const fmgcam_tensor,
        classes: *const fmgcam_buffer,
        probabilities: *const fmgcam_buffer,
        count: *mut u32,
    ) -> fmgcam_status;
    pub fn fmgcam_draw_overlay(
        context: *mut fmgcam_context,
        layers: *const fmgcam_layers,
        picture: *const fmgcam_image,
        overlay: *const fmgcam_image,
    ) -> fmgcam_status;
}
