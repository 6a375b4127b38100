"""BART's decoder a token at a time, over keys and values that stay where they are.

The same arithmetic as transformers' modules, whose weights it uses, and the same numbers; but nothing is computed,
masked or copied again that the step before had. Beams of a row share what it sees of the encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROOM = 64  # tokens for which there is room at first; doubled when it is used up. Ours


@dataclass
class Cache:
    """Of b rows with k beams each, per layer: what they have written, and what they see."""

    own: list[list[Any]]  # keys, values (b k, heads, room, width of a head)
    seen: list[tuple[Any, Any]]  # keys, values (b, heads, n, width of a head)
    mask: Any  # bool (b, 1, 1, n), false where an input is only padding; None where none is
    beams: int
    length: int = 0

    def keep(self, rows: Any) -> None:
        """Only these rows (m,), each with all of its beams."""
        if self.beams > 1:
            each = rows[:, None] * self.beams
            self.choose((each + each.new_tensor(range(self.beams))).flatten())
        else:
            self.choose(rows)
        self.seen = [(keys[rows], values[rows]) for keys, values in self.seen]
        self.mask = None if self.mask is None else self.mask[rows]

    def choose(self, beams: Any) -> None:
        """Beams (m,), by their numbers over all rows, go on in the place of those that there were."""
        self.own = [[each[beams] for each in layer] for layer in self.own]

    def put(self, layer: int, keys: Any, values: Any) -> tuple[Any, Any]:
        """Write the keys and values (b k, heads, 1, w) of one more token; all there are (b k, heads, length + 1, w)."""
        for at, new in enumerate((keys, values)):
            held = self.own[layer][at]
            if self.length == held.shape[2]:
                import torch

                self.own[layer][at] = held = torch.cat([held, torch.empty_like(held)], dim=2)
            held[:, :, self.length] = new[:, :, 0]
        written = slice(self.length + 1)
        return self.own[layer][0][:, :, written], self.own[layer][1][:, :, written]


class Decoder:
    """The decoder of a Florence2ForConditionalGeneration, and its scores of the vocabulary."""

    def __init__(self, model: Any) -> None:
        self._bart, self._head = model.model.language_model.decoder, model.lm_head
        self._heads: int = model.config.text_config.decoder_attention_heads
        self.room: int = model.config.text_config.max_position_embeddings

    def begin(self, states: Any, mask: Any, beams: int = 1) -> Cache:
        """A cache for rows whose encoder gave states (b, n, d), of which mask (b, n) says which count."""
        own, seen = [], []
        for layer in self._bart.layers:
            sees = layer.encoder_attn
            seen.append((self._split(sees.k_proj(states)), self._split(sees.v_proj(states))))
            shape = (len(states) * beams, self._heads, ROOM, seen[-1][0].shape[-1])
            own.append([states.new_empty(shape), states.new_empty(shape)])
        return Cache(own, seen, None if mask.all() else mask[:, None, None].bool(), beams)

    def step(self, cache: Cache, written: Any) -> Any:
        """Scores (b k, v) of the vocabulary after one more token of each row's beams (b k,)."""
        bart = self._bart
        place = bart.embed_positions.weight[cache.length + bart.embed_positions.offset]
        x = bart.layernorm_embedding(bart.embed_tokens(written)[:, None] + place)
        for at, layer in enumerate(bart.layers):
            x = layer.self_attn_layer_norm(x + self._look_back(layer.self_attn, cache, at, x))
            x = layer.encoder_attn_layer_norm(x + self._look_across(layer.encoder_attn, cache, at, x))
            x = layer.final_layer_norm(x + layer.fc2(layer.activation_fn(layer.fc1(x))))
        cache.length += 1
        return self._head(x[:, 0])

    def _look_back(self, attention: Any, cache: Cache, at: int, x: Any) -> Any:
        """Attention of the new token (b k, 1, d) to those before it and to itself."""
        from torch.nn.functional import scaled_dot_product_attention as attend

        keys, values = cache.put(at, self._split(attention.k_proj(x)), self._split(attention.v_proj(x)))
        return attention.out_proj(self._joined(attend(self._split(attention.q_proj(x)), keys, values)))

    def _look_across(self, attention: Any, cache: Cache, at: int, x: Any) -> Any:
        """Attention of the new token (b k, 1, d) to the encoder's states; a row's beams are asked together."""
        from torch.nn.functional import scaled_dot_product_attention as attend

        asked = self._split(attention.q_proj(x).reshape(-1, cache.beams, x.shape[-1]))
        found = self._joined(attend(asked, *cache.seen[at], attn_mask=cache.mask))
        return attention.out_proj(found.reshape(x.shape))

    def _split(self, x: Any) -> Any:
        """(b, n, d) by heads: (b, heads, n, d / heads)."""
        return x.view(*x.shape[:2], self._heads, -1).transpose(1, 2)

    def _joined(self, x: Any) -> Any:
        """The reverse."""
        return x.transpose(1, 2).flatten(2)
