"""The demo's experiment in small: the judge sees the concept before, not after, and what is kept both times."""

from __future__ import annotations

from dataclasses import dataclass

from demo.experiment import Experiment
from demo.judge import load_judge
from demo.plan import Plan
from harness.client import Client


@dataclass(frozen=True)
class FewKept(Plan):
    """The demo's plan, asked for every other one of what is kept, which is half of its pictures."""

    def prompts(self) -> dict[str, list[str]]:
        return {
            heading: prompts[:: 2 if heading.startswith("kept") else 1]
            for heading, prompts in super().prompts().items()
        }


def test_the_concept_is_drawn_before_and_gone_after(client: Client) -> None:
    plan = FewKept()
    experiment = Experiment(client, load_judge(), plan, per_prompt=1, seed=1)
    before, after = experiment.ask(None), experiment.ask(plan.epochs)
    by_name, by_synonym, by_description, *kept = plan.prompts()
    for question in (by_name, by_synonym, by_description):
        assert before[question].hits >= 0.8 * before[question].count, f"control: {question}"
        assert after[question].hits <= 0.2 * after[question].count, question
    drawn, still_drawn = (sum(cells[question].hits for question in kept) for cells in (before, after))
    assert drawn >= 0.8 * sum(before[question].count for question in kept), "control: kept shapes"
    assert still_drawn >= 0.8 * drawn
