"""Carry out a plan: look at the headers, compute once what files share, erase from each, and note what came of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from ..storage.disk_space import describe_size, require_space
from ..texts.wording import count
from .inputs import Input
from .manifest import NAME, Manifest
from .plan import LibraryPlan, Rule
from .task import LIBRARIES, Done, Job, Survey, carry_out, prepare, survey
from .workers import Call, Outcome, Workers

OnFile = Callable[[Outcome, int], None]


@dataclass(frozen=True)
class Summary:
    """How many files were done before, are done now and failed, and what each failed of, by the path of its result.

    shared: how many text encoders were asked once for several files.
    """

    before: int
    done: int
    failed: dict[Path, str]
    shared: int


@dataclass(frozen=True)
class _Item:
    """A job, its recipe's hash, and what its header told: nothing for a file that is fetched later."""

    job: Job
    recipe: str
    told: Survey | None


@contextmanager
def hold_alone(folder: Path) -> Iterator[None]:
    """Within it, no other run may write to `folder`; ValueError where one does. A run that was killed holds nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "library.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(
            f"another run is writing to {folder}. Wait until it ends, or choose another 'output'."
        ) from None
    try:
        yield
    finally:
        lock.release()


def check_outputs(plan: LibraryPlan) -> None:
    """ValueError where results would overwrite what is not a result of this library, or the disk has no room.

    Room is asked for whole checkpoints that are still to be written, together.
    """
    if not plan.inputs:
        return
    path = plan.output / NAME
    with closing(Manifest(path)) if path.exists() else closing(Manifest(Path(":memory:"))) as manifest:
        outputs = [plan.output_of(each) for each in plan.inputs]
        foreign = [each for each in outputs if each.exists() and not manifest.knows(each)]
        if foreign and not plan.overwrite:
            raise ValueError(
                f"{count(len(foreign), 'result')} would overwrite what is there, {foreign[0]} first. Choose another "
                "'output', or write overwrite: true."
            )
    if plan.form == "checkpoint":
        missing = (each.size for each, output in zip(plan.inputs, outputs, strict=True) if not output.exists())
        require_space(plan.output, sum(missing))


def describe_plan(plan: LibraryPlan) -> str:
    """What would be done and what it would take, from the headers of the files on this machine."""
    lines, families, encoders, memory = [], Counter[str](), Counter[str](), 0
    for each in plan.inputs:
        if each.is_remote:
            families["remote, looked at when fetched"] += 1
            continue
        try:
            told = survey(Path(each.address))
        except (OSError, ValueError) as error:
            lines.append(f"{each.name}: cannot be erased from: {error}")
            continue
        if plan.find_rule(each.name, told.family) is None:
            lines.append(f"{each.name}: no entry of 'erase' fits the family '{told.family}'.")
            continue
        families[told.family] += 1
        encoders[told.encoder] += 1
        memory = max(memory, told.memory + told.encoders)
    size = sum(each.size for each in plan.inputs)
    for family, number in sorted(families.items()):
        lines.append(f"{family}: {count(number, 'file')}")
    written = f", as many to write to {plan.output}" if plan.form == "checkpoint" else f"; results go to {plan.output}"
    lines.append(f"{count(len(plan.inputs), 'file')}, {describe_size(size)} to read{written}.")
    shared = sum(number > 1 for number in encoders.values())
    lines.append(f"{count(len(encoders), 'text encoder')}, {shared} of them in several files.")
    lines.append(f"A task takes up to {describe_size(memory)} of memory and {count(plan.threads, 'thread')}.")
    if plan.audit:
        lines.append(f"{count(len(plan.audit), 'pair')} to audit.")
    return "\n".join([*lines, "Nothing was done: this was a dry run."])


def run_plan(plan: LibraryPlan, workers: Workers, manifest: Manifest, on_file: OnFile) -> Summary:
    """Do what is not done yet, as `manifest` knows it; `on_file` is told of each file and its size."""
    items, failed, before = [], dict[Path, str](), 0
    jobs = {plan.output_of(each): _make_job(plan, each, plan.find_rule(each.name, None)) for each in plan.inputs}
    _remove_partial(jobs)

    def fail(job: Job, error: str, tries: int) -> None:
        manifest.fail(job.output, error, tries)
        failed[job.output] = error
        on_file(Outcome(job.output, None, error, tries), job.source.size)

    local = [
        Call(job, survey, (Path(job.source.address),), LIBRARIES, 1)
        for job in jobs.values()
        if not job.source.is_remote
    ]
    remote = [Outcome(job, None, "", 0) for job in jobs.values() if job.source.is_remote]
    for outcome in [*workers.run(local), *remote]:
        job, told = outcome.label, outcome.value
        rule = plan.find_rule(job.source.name, told.family if told else None)
        digest = rule.digest if rule else ""
        job = _make_job(plan, job.source, rule) if rule else job
        if rule and manifest.is_done(job, digest):
            before += 1
            on_file(Outcome(job.output, None, "", 0), job.source.size)
            continue
        manifest.begin(job, digest)
        if outcome.error:
            fail(job, outcome.error, outcome.tries)
        elif rule is None:
            fail(job, f"no entry of 'erase' fits the family '{told.family}'; add one.", 1)
        else:
            items.append(_Item(job, digest, told))
    calls, shared = _share(items, workers)
    done = 0
    for outcome in workers.run(calls):
        job = outcome.label
        if isinstance(outcome.value, Done):
            manifest.finish(job.output, outcome.value, outcome.tries)
            on_file(outcome, job.source.size)
            done += 1
        else:
            fail(job, outcome.error, outcome.tries)
    _remove_partial(jobs)
    return Summary(before, done, failed, shared)


def _share(items: list[_Item], workers: Workers) -> tuple[Iterator[Call], int]:
    """A call for each item, those that share a text encoder and a recipe one behind the other; and how many do."""
    groups = defaultdict[tuple[str, str], list[_Item]](list)
    for item in items:
        groups[item.told.encoder if item.told else item.job.source.address, item.recipe].append(item)

    def make() -> Iterator[Call]:
        for group in groups.values():
            first, shared = group[0], None
            if len(group) > 1 and first.told:
                memory = first.told.memory + first.told.encoders
                shared = workers.share(Call(None, prepare, (first.job,), memory, first.job.threads))
            for item in sorted(group, key=lambda each: each.job.output):
                own = 0 if shared is not None or item.told is None else item.told.encoders
                memory = item.told.memory + own if item.told else LIBRARIES
                yield Call(item.job, carry_out, (item.job,), memory, item.job.threads, shared)

    return make(), sum(len(group) > 1 for group in groups.values())


def _make_job(plan: LibraryPlan, source: Input, rule: Rule | None) -> Job:
    assert rule is not None, "a plan without a rule for each file is refused"
    return Job(source, plan.output_of(source), plan.form, rule.recipe, plan.tokenizer, plan.threads)


def _remove_partial(outputs: Iterable[Path]) -> None:
    """Remove what workers that were killed left of `outputs`, half written; no other run writes here, see `hold_alone`.

    Other files that are called partial are none of ours.
    """
    outputs = list(outputs)
    names = {each.name for each in outputs}
    for path in outputs[0].parent.glob("*.partial") if outputs else ():
        if path.name.rsplit(".", 2)[0] in names:
            path.unlink(missing_ok=True)
