"""The multitask model: codec, tokenizer, presets; data, training and prediction.

`codec` turns annotations into prompts and targets and back; `tokenizer` has Florence-2's markers; `presets` makes,
loads and saves the model.
"""
