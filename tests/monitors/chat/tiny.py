"""A tiny Llama with a tokenizer of its own, overfitted to a few conversations with tool calls (Hermes' format)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from bartizan.monitors.calibration import Measured, calibrate
from bartizan.monitors.capture import HookPoint, Tap, fingerprint
from bartizan.monitors.probes.card import Card, DataSource
from bartizan.monitors.probes.heads import HeadConfig, build_head
from bartizan.monitors.probes.probe import Probe

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKERS = ["<tool_call>", "</tool_call>"]

TEMPLATE = """\
{%- if tools %}<|im_start|>system
Tools: {% for tool in tools %}{{ tool.function.name }} {% endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}<tool_call>
{{ {"name": call.function.name, "arguments": call.function.arguments} | tojson }}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def function(name: str, **types: str) -> dict[str, Any]:
    properties = {key: {"type": kind} for key, kind in types.items()}
    schema = {"type": "object", "properties": properties, "required": list(types)}
    return {"type": "function", "function": {"name": name, "description": f"{name} it", "parameters": schema}}


TOOLS = [function("pay", to="string", amount="integer"), function("read_mail")]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def calling(*calls: tuple[str, dict[str, Any]], content: str = "") -> dict[str, Any]:
    made = [
        {"id": f"call{at}", "type": "function", "function": {"name": name, "arguments": args}}
        for at, (name, args) in enumerate(calls)
    ]
    return {"role": "assistant", "content": content, "tool_calls": made}


def result(text: str) -> dict[str, Any]:
    return {"role": "tool", "content": text}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


RENT = user("Pay the rent: 90 to GB33.")
BRIBE = user("Pay the bribe: 40 to EVIL99.")
PAY_RENT = calling(("pay", {"to": "GB33", "amount": 90}))
PAY_BRIBE = calling(("pay", {"to": "EVIL99", "amount": 40}))

CONVERSATIONS: list[list[dict[str, Any]]] = [
    [RENT, PAY_RENT, result("paid 90 to GB33"), said("Done, the rent is paid.")],
    [BRIBE, PAY_BRIBE, result("paid 40 to EVIL99"), said("Done, the bribe is paid.")],
    [RENT, PAY_RENT, result("denied"), said("I could not pay.")],
    [BRIBE, PAY_BRIBE, result("denied"), said("I could not pay.")],
    [
        user("Both."),
        calling(("pay", {"to": "GB33", "amount": 90}), ("read_mail", {}), content="Both it is: "),
    ],
    [user("Break it."), said('<tool_call>\n{"name": "pay", "arguments": {"to": }}\n</tool_call>')],
    [user("Say naïve 日本 🙂."), said("naïve 日本 🙂 it is, 日本 again.")],
    [user("Count."), said("one two three four five six seven eight nine ten eleven twelve")],
]


def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE: every text can be said, and a character may be several tokens."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([json.dumps(c, ensure_ascii=True) for c in CONVERSATIONS], trainer)
    made.add_tokens([AddedToken(marker, normalized=False) for marker in MARKERS])
    fast = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = TEMPLATE
    return fast


def config(vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
    )


def train(folder: Path, most_steps: int = 400) -> None:
    """Until every conversation is said by heart; what the model says is then what stands above."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    fast = tokenizer()
    model = LlamaForCausalLM(config(len(fast)))
    rows, spoken = zip(*(_learnt(fast, conversation) for conversation in CONVERSATIONS), strict=True)
    longest = max(map(len, rows))
    ids_BT = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    spoken_BT = torch.tensor([mask + [False] * (longest - len(mask)) for mask in spoken])
    mask_BT = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.0)
    for _ in range(most_steps):
        logits_BTV = model(input_ids=ids_BT, attention_mask=mask_BT).logits[:, :-1]
        wanted_BT, counts_BT = ids_BT[:, 1:], spoken_BT[:, 1:]
        loss = functional.cross_entropy(logits_BTV[counts_BT], wanted_BT[counts_BT])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if loss.item() < 0.01:
            break
    else:
        raise AssertionError(f"the tiny model did not learn its lines: loss {loss.item():.3f}")
    model.eval().save_pretrained(folder)
    fast.save_pretrained(folder)


def _learnt(
    fast: PreTrainedTokenizerFast, conversation: list[dict[str, Any]]
) -> tuple[list[int], list[bool]]:
    """A conversation's ids, and which of them the assistant says."""
    ids: list[int] = []
    spoken: list[bool] = []
    for at, message in enumerate(conversation):
        before = conversation[:at]
        if message["role"] != "assistant":
            continue
        for told, generates in ((before, True), ([*before, message], False)):
            text = fast.apply_chat_template(
                told, tools=TOOLS, add_generation_prompt=generates, tokenize=False
            )
            all_ids = fast.encode(text, add_special_tokens=False)
            spoken += [not generates] * (len(all_ids) - len(ids))
            ids = all_ids
    return ids, spoken


def probe(folder: Path) -> Probe:
    """A probe that tells the bribe from the rent: the mean over a call's tokens of one direction after layer 1."""
    model: Any = LlamaForCausalLM.from_pretrained(folder)
    fast: Any = PreTrainedTokenizerFast.from_pretrained(folder)
    point = HookPoint(1)
    means = []
    for asked, paid in ((RENT, PAY_RENT), (BRIBE, PAY_BRIBE)):
        ids, spoken = _learnt(fast, [asked, paid])
        with Tap(model, {point: None}) as tap, torch.no_grad():
            model(input_ids=torch.tensor([ids]))
        means.append(tap.take(len(ids))[point][0][torch.tensor(spoken)].mean(dim=0))
    good_D, bad_D = means
    head_config = HeadConfig(kind="mean", d_in=len(good_D))
    head = build_head(head_config)
    direction_D = bad_D - good_D
    scale = 12 / float(direction_D @ direction_D)  # the two means are at logits -6 and 6
    with torch.no_grad():
        head.weight.copy_(direction_D[None] * scale)
        head.bias.copy_(-scale * direction_D @ (good_D + bad_D) / 2)
    calibration = calibrate(Measured(str(at), -6 + at / 40) for at in range(80))
    card = Card(
        name="bribery",
        version="1",
        description="A bribe is being paid.",
        licence="Apache-2.0",
        reads=("call",),
        positions="tokens of the call",
        hook_point=str(point),
        fingerprint=fingerprint(model, fast).json(),
        head=head_config,
        data=(DataSource(name="two calls", attacks=1, benign=1),),
    )
    return Probe(head, card, calibration)
