"""Structures of small transformers, in the words of the host's classes."""

from __future__ import annotations

SD3 = {
    "in_channels": 16,
    "out_channels": 16,
    "patch_size": 2,
    "depth": 2,
    "input_size": None,
    "adm_in_channels": 2048,
    "context_embedder_config": {"target": "torch.nn.Linear", "params": {"in_features": 4096, "out_features": 128}},
    "num_patches": 64,
    "pos_embed_max_size": 8,
    "pos_embed_scaling_factor": None,
    "qk_norm": "rms",
}
PIXART = {"hidden_size": 96, "num_heads": 4, "depth": 2, "input_size": 16, "patch_size": 2, "in_channels": 4}
HYDIT = {"hidden_size": 128, "num_heads": 4, "depth": 4, "mlp_ratio": 2.0}
HYDIT_INPUTS = {"tokens": 1024, "t5": 2048}
COSMOS = {
    "max_img_h": 32,
    "max_img_w": 32,
    "max_frames": 16,
    "in_channels": 16,
    "out_channels": 16,
    "patch_spatial": 2,
    "patch_temporal": 1,
    "model_channels": 64,
    "num_blocks": 2,
    "num_heads": 2,
    "crossattn_emb_channels": 1024,
    "concat_padding_mask": True,
    "pos_emb_cls": "rope3d",
    "pos_emb_learnable": True,
    "pos_emb_interpolation": "crop",
    "use_adaln_lora": True,
    "adaln_lora_dim": 16,
    "extra_per_block_abs_pos_emb": False,
}
COSMOS_1 = {
    "block_config": "FA-CA-MLP",
    "block_x_format": "THWBD",
    "affline_emb_norm": True,
    "pos_emb_learnable": False,
    "extra_per_block_abs_pos_emb": True,
    "extra_per_block_abs_pos_emb_type": "learnable",
}
CHROMA = {"in_dim": 64, "out_dim": 32, "hidden_dim": 64, "n_layers": 2, "in_channels": 64, "out_channels": 64}
FLUX2 = {
    "in_channels": 128,
    "out_channels": 128,
    "patch_size": 1,
    "axes_dim": [4, 4, 4, 4],
    "qkv_bias": False,
    "guidance_embed": False,
    "global_modulation": True,
    "mlp_silu_act": True,
    "ops_bias": False,
    "txt_ids_dims": [3],
}
IDEOGRAM = {
    "num_layers": 2,
    "intermediate_size": 64,
    "adaln_dim": 32,
    "mrope_section": (4, 2, 2),
    "llm_features_dim": 1024,  # 53248 in full
}
HEADS = {"num_attention_heads": 2, "attention_head_dim": 16}
CASCADE_C = {"c_cond": 64, "c_hidden": [64, 64], "nhead": [2, 2], "blocks": [[1, 1], [1, 1]]}
CASCADE_B = {
    "c_cond": 64,
    "c_hidden": [32, 32, 64, 64],
    "nhead": [-1, -1, 2, 2],
    "blocks": [[1, 1, 1, 1], [1, 1, 1, 1]],
    "block_repeat": [[1, 1, 1, 1], [1, 1, 1, 1]],
}
AURA = {"dim": 128, "n_layers": 2, "n_double_layers": 1, "n_heads": 4, "global_conddim": 128, "max_seq": 64}
HIDREAM = {"num_layers": 1, "num_single_layers": 2, "llama_layers": [0, 1, 2], "axes_dims_rope": [8, 4, 4]}
HIDREAM_SIZE = {"in_channels": 16, "out_channels": 16, "patch_size": 2, "max_resolution": [32, 32]}
HIDREAM_TEXT = {"caption_channels": [4096, 4096], "text_emb_dim": 2048}
HIDREAM_EXPERTS = {"num_routed_experts": 2, "num_activated_experts": 1}
HIDREAM_INPUTS = {"tokens": 4096, "pooled": 2048, "llama.0": 4096, "llama.1": 4096, "llama.2": 4096}
LTXV = {"in_channels": 128, "cross_attention_dim": 32, "caption_channels": 4096, "num_layers": 2}
KANDINSKY = {"model_dim": 32, "ff_dim": 64, "num_visual_blocks": 2, "time_dim": 32, "axes_dims": (4, 6, 6)}
OMNIGEN = {
    "hidden_size": 96,
    "num_layers": 2,
    "num_refiner_layers": 1,
    "num_attention_heads": 4,
    "num_kv_heads": 2,
    "axes_dim_rope": [8, 8, 8],
    "axes_lens": [64, 64, 64],
    "in_channels": 16,
    "patch_size": 2,
}
