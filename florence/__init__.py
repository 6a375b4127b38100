"""The multitask model: codec, tokenizer, data, training and prediction."""
