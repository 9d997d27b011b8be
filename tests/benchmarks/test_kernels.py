"""Kernels are counted once, under the kind that their names tell."""

from collections import Counter

from benchmarks.kernels import _by_kind


def test_each_kernel_is_counted_under_one_kind():
    kernels = Counter(
        {
            "nvjet_sm90_qqtst_128x304_128x3_2x1_v_bz_coopA_TNT": 100,
            "nvjet_sm90_tst_32x64_64x16_1x2_h_bz_splitK_NTN": 20,
            "cudnn_generated_fort_native_sdpa_sm90_flash_bprop": 60,
            "triton_red_fused__scaled_mm__to_copy_abs_amax": 30,
            "triton_poi_fused__scaled_mm__to_copy": 10,
            "void at::native::multi_tensor_apply_kernel": 5,
            "Memset (Device)": 1,
        }
    )
    assert dict(_by_kind(kernels)) == {
        "8-bit products": 100,
        "other products": 20,
        "attention": 60,
        "compiled reductions": 30,
        "compiled element-wise": 10,
        "optimizer": 5,
        "other": 1,
    }
