"""What came of a cure, and what is written of it."""
from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ...engine.partner_passes import in_passes
from ...errors import InputError
from ...files.run_description import (
    RunDescription,
    describe_run,
    describe_weights,
    in_words,
)
from ...files.tables import write_json
from ...generators import load_upscaler
from .network import Network
from .outcome import (
    FIGURES,
    PAGE,
    TRUTH_PAGE,
    cured_path,
    export,
    exported_path,
    write_cured,
    write_page,
    write_truth_page,
)
from .plan import Plan
from .recipe import Recipe
from .settings import CureSettings
from .speed import Speed
from .split import SAME
from .telling import iterations_of, plain
from .verdict import Verdict

CURED, NOTHING, NO_HELP = 'cured', 'nothing to cure', 'did not help'

logger = logging.getLogger('mmdesra')


@dataclass(frozen=True)
class CureResult:
    """What came of a cure.

    Attributes:
        outcome (str): :data:`CURED`, :data:`NOTHING` or :data:`NO_HELP`.
        reasons (list[str]): Why, in sentences.
        weights (Path): The cured weights; where it did not help, those that did not; None: none.
        left_out (dict): Photographs that were not used, and why.
        figures (dict): The content of ``cure.json``.
        unwritten (dict): Files that could not be written beside the weights, and why.
    """
    outcome: str
    reasons: list[str]
    weights: Path | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    unwritten: dict[str, str] = field(default_factory=dict)

    @property
    def skipped(self) -> dict[str, str]:
        """dict[str, str]: Of those left out, the ones that no other file stands for."""
        return {name: why for name, why in self.left_out.items() if not why.startswith(SAME)}


@dataclass(frozen=True)
class Record:
    """Writes the result of a cure, with all that describes the cure.

    Attributes:
        settings (CureSettings): What was asked for.
        network (Network): What was cured.
        recipe (Recipe): How it is trained.
        detector (dict): What found the artifacts.
        degradation (str): How photographs were reduced.
        reference (str): What stood for the sibling: its kind.
        mse (Path, optional): Its weights; None: it has none of its own.
        passes (int): How many passes of a network an image of it takes.
        partner (dict): What came of training one; empty: none was.
        plan (Plan): What was done.
        speed (Speed): What was measured.
        left_out (dict): Photographs that were not used, and why.
    """
    settings: CureSettings
    network: Network
    recipe: Recipe
    detector: dict
    degradation: str
    reference: str
    mse: Path | None
    passes: int
    partner: dict
    plan: Plan
    speed: Speed
    left_out: dict[str, str]

    def leave_nothing(self, reason: str, found: Mapping) -> CureResult:
        """Write that there is nothing to cure."""
        return self._result(NOTHING, [reason], None, dict(found=found), {})

    def leave(self, verdict: Verdict, result: Path, found: Mapping, trained: Mapping,
              truth: Mapping | None) -> CureResult:
        """Write the result: the weights first, then what shows them.

        What cannot be written beside the weights is told, and the rest is written.

        Args:
            verdict (Verdict): Whether it has helped. If not, there are no cured weights.
            result (Path): The weights after fine-tuning.
            found (Mapping): What was found in the photographs to train on.
            trained (Mapping): What came of fine-tuning.
            truth (Mapping, optional): Figures by the truth.
        """
        settings, outcome = self.settings, CURED if verdict.helped else NO_HELP
        figures: dict[str, Any] = dict(found=found, trained=trained, truth=truth)
        unwritten: dict[str, str] = {}
        weights = cured_path(settings.out, settings.model) if verdict.helped else result
        if verdict.helped:
            figures['cured'] = write_cured(
                settings.model, load_upscaler(self.network.generator, result), weights)
            figures['exported'] = []
            for name in settings.export:
                with _told(unwritten, exported_path(weights, name).name):
                    figures['exported'].append(export(weights, name, self.network.generator))
        figures['pages'] = self._write_pages(verdict, outcome, trained, truth, unwritten)
        return self._result(outcome, verdict.reasons, weights, figures, unwritten)

    @property
    def reference_name(self) -> str:
        """str: What stood for the sibling."""
        if self.mse is None:
            return self.reference
        return f'{describe_weights(self.mse)}{in_passes(self.passes)}'

    def _write_pages(self, verdict: Verdict, outcome: str, trained: Mapping,
                     truth: Mapping | None, unwritten: dict[str, str]) -> list[str]:
        out, work = self.settings.out, self.settings.out / 'work'
        title = f'{self.settings.model.name}: {outcome}'
        reasons = [f'{reason[:1].upper()}{reason[1:]}.' for reason in verdict.reasons]
        pages = []
        for name, write, figures in ((PAGE, partial(write_page, folder=trained['folder']),
                                      trained['heldout']),
                                     (TRUTH_PAGE, write_truth_page, truth)):
            if figures is not None:
                with _told(unwritten, name):
                    write(out / name, work, title, reasons, figures, self._facts(trained))
                    pages.append(name)
        return pages

    def _facts(self, trained: Mapping) -> list[tuple[str, object]]:
        run, made = self._run, iterations_of(self.plan)
        return [('model', f'{run.weights["GAN-SR"]}, {self.network.name}'),
                ('reference', self.reference_name),
                ('iterations', f'{made}; the result is that of {trained["iteration"]}'),
                ('smallest region', self.detector['min_area']),
                ('made by', in_words(run.versions)), ('date', run.begun)]

    @cached_property
    def _run(self) -> RunDescription:
        settings = self.settings
        photographs = settings.partner_photographs
        return describe_run(
            dict(settings.describe(),
                 partner_photographs=None if photographs is None else str(photographs)),
            {'GAN-SR': settings.model, 'MSE-SR': self.mse, 'VGG16': settings.vgg16_weights})

    def _result(self, outcome: str, reasons: list[str], weights: Path | None, figures: Mapping,
                unwritten: dict[str, str]) -> CureResult:
        run = self._run.to_dict()
        content = dict(
            outcome=outcome, reasons=reasons, date=run.pop('begun'), **run,
            model=dict(run['weights']['GAN-SR'], network=self.network.name,
                       generator=plain(self.network.generator)), detector=self.detector,
            recipe=asdict(self.recipe), degradation=self.degradation,
            reference=self.reference_name, partner=self.partner or None, plan=asdict(self.plan),
            speed=asdict(self.speed), left_out=self.left_out, **figures)
        if unwritten:
            content['unwritten'] = dict(unwritten)
        with _told(unwritten, FIGURES):
            write_json(self.settings.out / FIGURES, content)
        return CureResult(outcome, reasons, weights, self.left_out, content, unwritten)


@contextmanager
def _told(unwritten: dict[str, str], name: str) -> Iterator[None]:
    """Note that a file could not be written, and go on: the weights are there without it."""
    try:
        yield
    except (OSError, InputError) as error:
        unwritten[name] = str(error)
        logger.error('%s: not written: %s', name, error)
