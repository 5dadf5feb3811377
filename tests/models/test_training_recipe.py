"""The recipe of deep training, ingredient by ingredient, on the loop itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from crypto_team.errors import InputError
from crypto_team.models.base import ModelSettings
from crypto_team.models.registry import factory, resolve
from crypto_team.models.samples import Samples

torch = pytest.importorskip("torch")
from crypto_team.models import deep_training  # noqa: E402 - needs the extra
from crypto_team.models.deep_training import Lesson, Plan, Training, autocast  # noqa: E402
from crypto_team.models.networks import network  # noqa: E402
from crypto_team.models.sequence import balanced  # noqa: E402
from crypto_team.models.windows import windows  # noqa: E402

CPU = torch.device("cpu")
PLAN = Plan(
    epochs=3, batch_size=64, learning_rate=0.01, weight_decay=0.1, patience=9, restart=2, clip_norm=0.05,
    precision="float32", seed=3,
)  # fmt: skip
SIZES = {"hidden": 6, "layers": 1, "dropout": 0.0}


def _lesson(*, weight: float = 1.0, scale: float = 1.0, rows: int = 512) -> Lesson:
    rng = np.random.default_rng(4)
    values = rng.standard_normal((rows, 3)).astype(np.float32)
    order = np.arange(rows, dtype=np.int64)
    samples = Samples(values, order, np.zeros_like(order), order, order)
    target = torch.from_numpy((scale * values[:, 0]).astype(np.float32))
    return Lesson(windows(values, samples, 4, CPU), target, torch.full((rows,), weight), 0, order[:400], order[400:])


def _net() -> torch.nn.Module:
    torch.manual_seed(0)
    return network("gru", 3, 1, SIZES)


def test_the_optimizer_is_adamw_whose_decay_does_not_pass_through_the_gradient() -> None:
    net, lesson = _net(), replace(_lesson(weight=0.0), tail=np.empty(0, dtype=np.int64))
    before = [value.detach().clone() for value in net.parameters()]
    training = Training(net, lesson, replace(PLAN, epochs=1))
    assert isinstance(training.optimizer, torch.optim.AdamW)
    training.run()
    steps = -(-400 // 25)  # 400 rows in batches of a sixteenth, at least
    rates = [deep_training.learning_rate_at(step / steps, 0.01, 2) for step in range(steps)]
    kept = float(np.prod([1.0 - rate * 0.1 for rate in rates]))
    # Without any weight there is no gradient: what is left is the decay alone.
    for was, now in zip(before, net.parameters(), strict=True):
        assert torch.allclose(now, kept * was, rtol=1e-5)


def test_gradients_are_clipped_to_the_norm_before_every_step() -> None:
    norms: list[float] = []
    training = Training(_net(), _lesson(scale=50.0), PLAN)
    original = training.optimizer.step

    def step() -> None:
        grads = [value.grad for value in training.net.parameters() if value.grad is not None]
        norms.append(float(torch.linalg.vector_norm(torch.cat([grad.flatten() for grad in grads]))))
        original()

    training.optimizer.step = step
    training.run()
    assert len(norms) > 20
    assert max(norms) <= 0.05 * (1.0 + 1e-5)
    assert max(norms) > 0.049, "the unclipped gradients of these targets are larger"


def test_the_learning_rate_restarts_warm_within_a_training() -> None:
    rates: list[float] = []
    training = Training(_net(), _lesson(), PLAN)
    original = training.optimizer.step

    def step() -> None:
        rates.append(training.optimizer.param_groups[0]["lr"])
        original()

    training.optimizer.step = step
    training.run()
    per_epoch = len(rates) // 3
    assert rates[0] == rates[2 * per_epoch] == 0.01, "the third epoch begins a new cycle"
    assert rates[2 * per_epoch - 1] < 0.0005
    assert all(late < early for early, late in pairwise(rates[: 2 * per_epoch]))


def test_the_best_weights_on_the_tail_are_kept_not_the_last() -> None:
    net, lesson = _net(), _lesson(scale=3.0)
    training = Training(net, lesson, replace(PLAN, epochs=40, patience=3, learning_rate=0.3, clip_norm=9.0))
    state = training.run()
    tails = [tail for _, tail in state.losses]
    assert state.best_epoch == int(np.argmin(tails)) + 1
    assert len(tails) - state.best_epoch <= 3
    assert training._tail_loss() == pytest.approx(min(tails), rel=1e-6)


def test_rare_classes_weigh_as_much_as_frequent_ones() -> None:
    y = np.repeat([0.0, 1.0, 2.0], [80, 15, 5])
    weight = balanced(y, np.arange(100), 3, np.ones(100))[y.astype(np.int64)]
    assert [weight[y == each].sum() for each in (0, 1, 2)] == pytest.approx([100 / 3] * 3)
    assert balanced(y, np.arange(95), 3, np.ones(100))[2] == 0.0, "a class that training never saw has no weight"
    assert balanced(y, np.arange(100), 3, weight) == pytest.approx(1.0), "what is balanced is not balanced twice"
    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, 3)).astype(np.float32)
    rare = (x[:, 0] + rng.standard_normal(600) > 1.8).astype(np.float64)
    told = {}
    for kind in ("balanced", "none"):
        given = resolve("gru", {"sequence": 2, "hidden": 8, "epochs": 6, "class_weights": kind})
        model = factory("gru").create(ModelSettings(2, given, 1))
        model.fit(x, rare)
        told[kind] = model.predict(x)[:, 1].mean()
    assert told["balanced"] > 1.5 * told["none"]


def test_windows_are_one_tensor_seen_with_strides_and_a_batch_is_gathered_at_once() -> None:
    made = _lesson().windows
    assert made.view.shape == (512, 4, 3)
    assert made.view.stride() == (3, 3, 1)
    assert made.view.untyped_storage().data_ptr() == made.padded.untyped_storage().data_ptr()
    assert made.view.untyped_storage().nbytes() == (512 + 3) * 3 * 4
    batch = made.batch(torch.tensor([10, 2]))
    assert torch.equal(batch[0], made.padded[10:14])
    assert torch.equal(batch[1], torch.cat([torch.zeros(1, 3), made.padded[3:6]]))


def test_the_gpu_computes_in_bfloat16_and_compiled_the_cpu_in_float32_and_plain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, bool]] = []
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype, enabled: asked.append((kind, enabled)) or dtype)
    monkeypatch.setattr(torch, "compile", lambda net: ("compiled", net))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(deep_training, "find_spec", lambda name: name)
    assert autocast(torch.device("cuda"), "auto") == torch.bfloat16
    autocast(torch.device("cuda"), "float32")
    autocast(CPU, "auto")
    assert asked == [("cuda", True), ("cuda", False), ("cpu", False)]
    net = _net()
    on_gpu = SimpleNamespace(windows=SimpleNamespace(padded=SimpleNamespace(device=torch.device("cuda"))))
    assert Training(net, on_gpu, PLAN).forward == ("compiled", net)  # type: ignore[arg-type]
    assert Training(net, _lesson(), PLAN).forward is net


@pytest.mark.parametrize("kind", ["transformer", "meta"])
def test_a_network_in_training_is_one_graph_for_the_compiler(kind: str) -> None:
    small = {"d_model": 8, "heads": 2, "feedforward": 8, "layers": 1, "head": 4, "dropout": 0.3, "head_dropout": 0.3,
             "sequence": 4, "wide": 8, "narrow": 4}  # fmt: skip
    net = network(kind, 3, 2, small).train()
    # Tracing needs no device; with a generator in a dropout it would end in an error here, and in pieces on a GPU.
    told = torch.compile(net, backend="eager", fullgraph=True)(torch.randn(5, 4, 3))
    assert told.shape == (5, 2)
    net.drop.generator = torch.Generator()
    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.compile(net, backend="eager", fullgraph=True)(torch.randn(5, 4, 3))


@pytest.mark.parametrize(
    ("capability", "triton", "bfloat16", "compiles"),
    [
        ((6, 1), True, False, False),
        ((7, 5), True, False, True),
        ((8, 0), True, True, True),
        ((9, 0), False, True, False),
    ],
)
def test_an_older_device_or_one_without_triton_does_what_it_can(
    capability: tuple[int, int], triton: bool, bfloat16: bool, compiles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda, asked, net = torch.device("cuda"), [], _net()
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype, enabled: asked.append((kind, dtype, enabled)))
    monkeypatch.setattr(torch, "compile", lambda net: ("compiled", net))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(deep_training, "find_spec", lambda _: "there" if triton else None)
    autocast(cuda, "auto")
    assert asked == [("cuda", torch.bfloat16, bfloat16)]
    assert deep_training.compiled(net, cuda) == (("compiled", net) if compiles else net)
    assert deep_training.compiled(net, CPU) is net


def test_a_compiled_network_draws_from_the_device_seeded_anew_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed", seeds.append)
    net = network("gru", 3, 1, SIZES | {"dropout": 0.2})
    plain = Training(net, _lesson(), PLAN)
    compiled = Training(network("gru", 3, 1, SIZES | {"dropout": 0.2}), _lesson(), PLAN)
    compiled.forward = torch.nn.Sequential(compiled.net)
    plain.run()
    compiled.run()
    assert seeds == [3 * 100_003 + epoch for epoch in range(3)]
    assert net.drop.generator is not None
    assert compiled.net.drop.generator is None


@pytest.mark.parametrize("place", ["the windows", "a step", "the importances"])
def test_too_little_gpu_memory_is_an_error_with_a_remedy(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    at = {
        "the windows": ("crypto_team.models.windows.windows", full),
        "a step": ("torch.optim.AdamW.step", full),
        "the importances": ("crypto_team.models.window_importance.reliance", full),
    }
    monkeypatch.setattr(*at[place])
    rng = np.random.default_rng(0)
    model = factory("gru").create(ModelSettings(0, resolve("gru", {"sequence": 2, "epochs": 1}), 1))
    with pytest.raises(InputError, match="the GPU has too little memory") as caught:
        model.fit(rng.standard_normal((200, 2)).astype(np.float32), rng.standard_normal(200))
    assert "halve batch_size (now 256), choose a shorter sequence, or --param device=cpu" in str(caught.value)


def test_another_error_of_pytorch_is_not_taken_for_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("crypto_team.models.windows.windows", broken)
    model = factory("gru").create(ModelSettings(0, resolve("gru", {"sequence": 2, "epochs": 1}), 1))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        model.fit(np.zeros((200, 2), dtype=np.float32), np.arange(200.0))


def test_importances_exchange_whole_windows_and_find_what_lies_three_bars_back() -> None:
    rng = np.random.default_rng(7)
    values = rng.standard_normal((1_500, 4)).astype(np.float32)
    order = np.arange(1_500, dtype=np.int64)
    y = (np.roll(values[:, 2], 3) > 0).astype(np.float64)
    samples = Samples(values, order, np.zeros_like(order), order, order)
    shares = {}
    for steps in (5, 1):
        given = resolve("gru", {"sequence": steps, "learning_rate": 0.01, "epochs": 12})
        model = factory("gru").create(ModelSettings(2, given, 1))
        model.fit(samples, y)
        shares[steps] = model.importances()
    assert shares[5].sum() == pytest.approx(1.0)
    assert shares[5][2] > 0.6
    assert shares[1][2] < 0.5, "a single row knows nothing of it"
