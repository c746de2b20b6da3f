"""One reply of the model, with its signals: Hugging Face's own ``generate``, tapped, read token by token.

It runs in one thread. What the model says is told as soon as it is certain; calls and signals when the reply is done.
"""

from __future__ import annotations

import copy
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from bartizan.guard.types import ToolCall

from .detokenise import Detokeniser
from .errors import ChatSetupError
from .formats import MARKERS, ToolFormat
from .handles import MAX_CALLS
from .records import CallSignals, ReplySignals
from .reply import Reply
from .scan import scanner
from .watch import ChatProbe, Span, Watch


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What to generate. ``opening`` are the reply's first tokens, where they are given; ``form`` None: no calls.

    ``temperature`` 0 is greedy; ``None`` (as for ``top_p``) is what the model's own generation config says.
    """

    handle: str
    prompt: Sequence[int]
    most_tokens: int
    opening: Sequence[int] = ()
    form: ToolFormat | None = None
    one_call: bool = False
    stops: Sequence[str] = ()
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Finished:
    """A reply. ``calls`` are those in the record of ``signals``, in order, with their arguments."""

    content: str
    calls: tuple[ToolCall, ...]
    reason: str
    prompt_tokens: int
    reply_tokens: int
    signals: ReplySignals


class Generator:
    """A model, its tokenizer and the probes on it. Not thread-safe: one reply at a time.

    Raises :class:`ChatSetupError` for a model that cannot generate, and for probes that do not fit it.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        probes: Sequence[ChatProbe] = (),
        *,
        name: str = "",
        fingerprint: str = "",
        max_seconds: float = 600.0,
    ) -> None:
        if not callable(getattr(model, "generate", None)) or getattr(
            model.config, "is_encoder_decoder", False
        ):
            raise ChatSetupError(f"expected a decoder that generates text, found {type(model).__name__}")
        names = [probe.name for probe in probes]
        if len(set(names)) != len(names):
            raise ChatSetupError(f"expected probes of distinct names, found {', '.join(names)}")
        self._model, self._tokenizer = model.eval(), tokenizer
        self.probes = tuple(probes)
        self._name, self._fingerprint = name, fingerprint
        self._max_seconds = max_seconds
        self._ends = _end_tokens(model, tokenizer)
        self._special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special} | set(
            tokenizer.all_special_ids
        )
        Watch(model, self.probes, 0)  # an unknown hook point is found now, not at the first reply
        text = model.config.get_text_config()
        self.context: int = getattr(text, "max_position_embeddings", None) or 32768

    def run(self, job: Job, told: Callable[[str], None]) -> Finished | None:
        """The reply, or ``None`` if it was cancelled. ``told`` gets what is said, in pieces, as it comes."""
        reply = self._reply(job)
        pieces: list[str] = []

        def tell(said: str) -> None:
            if said:
                pieces.append(said)
                told(said)

        for token_id in job.opening:
            tell(reply.push(token_id))
        steering = _Steering(job, reply, self._ends, tell, time.monotonic() + self._max_seconds)
        given = [*job.prompt, *job.opening]
        started = time.perf_counter()
        with Watch(self._model, self.probes, len(job.prompt)) as watch, torch.inference_mode():
            self._generate(job, given, steering)
            if job.cancelled.is_set():
                return None
            tell(reply.finish())
            calls, spans = self._calls(job, reply)
            read = [*given, *steering.ids]
            P, S = len(job.prompt), len(read)
            prompt, whole, *of_calls = watch.readings(read, [Span(0, P), Span(P, S, P), *spans])
        record = ReplySignals(
            handle=job.handle,
            model=self._name,
            fingerprint=self._fingerprint,
            generate_ms=round((time.perf_counter() - started) * 1000, 3),
            signals_ms=round(watch.seconds * 1000, 3),
            prompt_tokens=P,
            reply_tokens=S - P,
            prompt=prompt,
            reply=whole,
            calls=tuple(
                CallSignals(call.tool, call.digest, (span.start - P, span.end - P), readings)
                for call, span, readings in zip(calls, spans, of_calls, strict=True)
            ),
        )
        reason = "tool_calls" if calls else steering.reason
        completion = S - P - len(job.opening) + steering.ended  # the end token was generated, too
        return Finished("".join(pieces), tuple(calls), reason, P, completion, record)

    def _reply(self, job: Job) -> Reply:
        markers = {} if job.form is None else self._shown(job.form)
        detokeniser = Detokeniser(self._tokenizer, hidden=self._special, shown=markers)
        return Reply(detokeniser, scanner(job.form), stops=job.stops, one_call=job.one_call)

    def _shown(self, form: ToolFormat) -> dict[int, str]:
        vocabulary = self._tokenizer.get_added_vocab()
        return {vocabulary[text]: text for text in MARKERS[form] if text in vocabulary}

    def _calls(self, job: Job, reply: Reply) -> tuple[list[ToolCall], list[Span]]:
        P = len(job.prompt)
        calls, spans = [], []
        for call in reply.calls[:MAX_CALLS]:
            calls.append(call.call)
            start, end = reply.span(call)
            spans.append(Span(P + start, P + end, P, call.call.tool))
        return calls, spans

    def _generate(self, job: Job, given: Sequence[int], steering: _Steering) -> None:
        device = self._model.device
        ids_BT = torch.tensor([list(given)], device=device)
        config, sampling = self._settings(job, device)
        # One token more than asked for: it makes the model read the last one of the reply, which else stays unseen.
        config.max_new_tokens = job.most_tokens + 1
        self._model.generate(
            input_ids=ids_BT,
            attention_mask=torch.ones_like(ids_BT),
            generation_config=config,
            logits_processor=LogitsProcessorList(sampling),
            stopping_criteria=StoppingCriteriaList([steering]),
        )

    def _settings(self, job: Job, device: torch.device) -> tuple[GenerationConfig, list[LogitsProcessor]]:
        """The model's own settings (penalties and the like), with the sampling of this request."""
        own: GenerationConfig = self._model.generation_config
        config = copy.deepcopy(own)
        samples = bool(own.do_sample)
        temperature = job.temperature
        if temperature is None:
            temperature = own.temperature if samples and own.temperature is not None else float(samples)
        top_p = job.top_p if job.top_p is not None else (own.top_p if samples else None)
        top_k = own.top_k if samples else None
        for setting, plain in _PLAIN.items():
            setattr(config, setting, plain)
        config.pad_token_id = next(iter(sorted(self._ends)), 0)
        if temperature == 0:
            return config, []
        processors: list[LogitsProcessor] = []
        if temperature != 1:
            processors.append(TemperatureLogitsWarper(float(temperature)))
        if top_k:
            processors.append(TopKLogitsWarper(int(top_k)))
        if top_p is not None and top_p < 1:
            processors.append(TopPLogitsWarper(float(top_p)))
        return config, [*processors, _Gumbel(job.seed, device)]


_PLAIN: dict[str, Any] = {
    "do_sample": False,  # sampling is a logits processor of ours: seeded by the request, not by the process
    "temperature": None,
    "top_p": None,
    "top_k": None,
    "num_beams": 1,
    "num_return_sequences": 1,
    "max_length": None,
    "min_length": 0,
    "min_new_tokens": None,
    "use_cache": True,
    "cache_implementation": None,
    "prompt_lookup_num_tokens": None,
    "return_dict_in_generate": False,
    "output_scores": False,
    "output_logits": None,
    "output_hidden_states": False,
    "output_attentions": False,
    "stop_strings": None,
    "disable_compile": True,  # compiled layers run no hooks
}


class _Gumbel(LogitsProcessor):  # type: ignore[misc, unused-ignore]
    """argmax(logits + Gumbel noise) is a sample of softmax(logits): a generator of one's own, and no global state."""

    def __init__(self, seed: int | None, device: torch.device) -> None:
        self._generator = torch.Generator(device)
        self._generator.manual_seed(seed if seed is not None else secrets.randbits(63))

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        noise = torch.empty_like(scores, dtype=torch.float32).exponential_(generator=self._generator)
        return scores.float() - noise.clamp_min(torch.finfo(torch.float32).tiny).log()


class _Steering(StoppingCriteria):  # type: ignore[misc, unused-ignore]
    """Looks at each new token: passes it on, and says when it is enough.

    ``ids`` are the reply's tokens; an end token is none of them. When the reply is full, one further token is let
    come, so that the last one is read; it is thrown away.
    """

    def __init__(
        self, job: Job, reply: Reply, ends: frozenset[int], tell: Callable[[str], None], until: float
    ) -> None:
        self._job, self._reply, self._ends, self._tell, self._until = job, reply, ends, tell, until
        self.ids: list[int] = []
        self.reason = "stop"
        self.ended = False
        self._full = False

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        enough = self._enough(int(input_ids[0, -1]))
        return torch.full((input_ids.shape[0],), enough, dtype=torch.bool, device=input_ids.device)

    def _enough(self, token_id: int) -> bool:
        if self._full or self._job.cancelled.is_set():
            return True
        if token_id in self._ends:
            self.ended = True
            return True
        self.ids.append(token_id)
        self._tell(self._reply.push(token_id))
        if self._reply.stopped:
            self._full = True
        elif len(self.ids) >= self._job.most_tokens or time.monotonic() > self._until:
            self._full, self.reason = True, "length"
        return False


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    found = model.generation_config.eos_token_id
    ends = {found} if isinstance(found, int) else set(found or ())
    if tokenizer.eos_token_id is not None:
        ends.add(tokenizer.eos_token_id)
    return frozenset(ends)
