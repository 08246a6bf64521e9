"""A GAN-SR model and a folder of photographs in, a cured model out."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmengine.dist import get_rank

from ...datasets.pseudo_gt_folder import file_sha256
from ...detectors import build_detector
from ...errors import InputError
from ...files import read_image
from ...files.folder_lock import held_folder
from ...files.tables import write_json
from ...generators import GeneratedPairs, Reference, Sibling, build_reference, load_upscaler
from ...generators.checkpoint import local_checkpoint
from ...generators.same_weights import have_same_weights
from ..command_line import default_device
from ..processes import call_in_first
from ..pseudo_gt import make_pseudo_gts
from .bar import Bar
from .crops import SIDES, Crop, write_table
from .network import Network, find_network, tell_degradation
from .outcome import (
    FIGURES,
    LOG,
    TABLE,
    check_export,
    cured_path,
    export,
    logged_to,
    refuse_strangers,
    today,
    versions,
    write_cured,
    write_pages,
)
from .plan import (
    ENSEMBLE_PASSES,
    LEAST_PARTNER_ITERS,
    Amounts,
    Plan,
    Speed,
    make_plan,
    measure_speed,
)
from .recipe import Recipe, recipe_for, smallest_region
from .settings import (
    MIN_REGIONS,
    PARTNER,
    REFERENCE_BY_DEGRADATION,
    SELF_ENSEMBLE,
    CureSettings,
)
from .split import HELDOUT, SAME, TRAIN
from .steps import Steps
from .taking import Roles, assign, cut, expected_crops, open_album
from .telling import TITLES, in_words, iterations_of, plain, tell_plan
from .training import finetune, of_partner, train_partner
from .truth import LQ_SIDE, judge_by_truth, make_truths
from .verdict import Verdict, judge_cure

CURED, NOTHING, NO_HELP = 'cured', 'nothing to cure', 'did not help'
Report = Callable[[str], None]

logger = logging.getLogger('mmdesra')


@dataclass(frozen=True)
class CureResult:
    """What came of a cure.

    Attributes:
        outcome (str): :data:`CURED`, :data:`NOTHING` or :data:`NO_HELP`.
        reasons (list[str]): Why, in sentences.
        weights (Path): The cured weights; where it did not help, those that did not; None: none.
        left_out (dict): Photographs that were not used, and why.
        figures (dict): What ``cure.json`` says.
    """
    outcome: str
    reasons: list[str]
    weights: Path | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    figures: dict = field(default_factory=dict)

    @property
    def skipped(self) -> dict[str, str]:
        """dict[str, str]: Of those left out, the ones that no other file stands for."""
        return {name: why for name, why in self.left_out.items() if not why.startswith(SAME)}


def cure(model: str | Path, photographs: str | Path, out: str | Path,
         report: Report | None = None, device: str | None = None, **options: Any) -> CureResult:
    """Cure a GAN-SR model of the artifacts that it makes of photographs such as these.

    The network is recognised, a reference is made, artifacts are found, the network is
    fine-tuned, and the result is judged; see docs/cure.md. A stopped cure goes on when it is
    called again with the same arguments, to the same result. Of several processes, see
    :func:`mmdesra.apis.processes.joined`, each does its share.

    Args:
        model (str | Path): Weights of the GAN-trained network, in any layout.
        photographs (str | Path): A folder of photographs, of any size, with its sub-folders.
        out (str | Path): Where the results go.
        report (Callable, optional): Is told what is done, in sentences.
        device (str, optional): Where networks run. Default: a GPU where there is one.
        **options: See :class:`mmdesra.apis.curing.settings.CureSettings`.

    Raises:
        InputError: If something that is given cannot be used, or a cure with other settings was
            begun in the folder.
    """
    paths = {name: Path(options.pop(name)) for name in ('mse', 'heldout') if options.get(name)}
    settings = CureSettings(local_checkpoint(model), Path(photographs), Path(out),
                            **{**options, **paths})
    with ExitStack() as stack:
        call_in_first(lambda: refuse_strangers(settings.out))
        check_export(cured_path(settings.out, settings.model), settings.export)
        call_in_first(lambda: stack.enter_context(held_folder(settings.out)))
        stack.enter_context(logged_to(settings.out / LOG, get_rank() == 0))
        say = _teller(report)
        return _Cure(settings, device or default_device(), say).run()


class _Cure:
    """The steps of a cure, in their order."""

    def __init__(self, settings: CureSettings, device: str, say: Report) -> None:
        self.settings = settings
        self.device = device
        self.say = say
        self.out = settings.out
        self.work = settings.out / 'work'
        self.detector = dict(type='DeSRA', min_area=smallest_region(settings.min_area))
        self.partner: dict = {}

    def run(self) -> CureResult:
        settings = self.settings
        self.network: Network = find_network(settings.model, settings.config, self.device)
        self.recipe: Recipe = recipe_for(self.network.kind)
        self.say(f'{settings.model}: {self.network.name}')
        if settings.mse is not None:
            self._check_sibling(settings.mse)
        self.roles = self._take_photographs()
        self.steps = Steps(self.work, self._signature())
        self._plan()
        self._cut()
        self.bar = Bar(self.plan.seconds, TITLES)
        self.bar.watch(self.network.upscaler.generator, 2 * self.speed.forward)
        try:
            return self._cure()
        finally:
            self.bar.close()

    def _cure(self) -> CureResult:
        self.reference = self._make_reference()
        found = self._find()
        if found['regions'] < MIN_REGIONS:
            few = 0 < self.plan.partner_iters < LEAST_PARTNER_ITERS
            return self._nothing(
                f'{found["regions"]} artifact regions in {found["images"]} crops; {MIN_REGIONS} '
                'are needed to learn from' + (
                    f' (the reference was trained for {self.plan.partner_iters} iterations: with '
                    f'fewer than {LEAST_PARTNER_ITERS} it shows little)' if few else ''), found)
        trained = self._finetune()
        if trained['heldout'] is None:
            return self._nothing(f'{found["regions"]} artifact regions in {found["images"]} '
                                 'crops to train on, but none in the held-out ones, so a '
                                 'cure could not be judged; give more photographs, or others to '
                                 'judge with (--heldout)', found)
        truth = self._judge()
        verdict = judge_cure(trained['heldout'], (truth or {}).get('truth'))
        return self._finish(found, trained, truth, verdict)

    # ------------------------------------ before it starts

    def _check_sibling(self, mse: Path) -> None:
        sibling = load_upscaler(self._spec(), mse, self.device).generator
        if have_same_weights(self.network.upscaler.generator, sibling):
            raise InputError(f'{mse}: holds the same weights as {self.settings.model}, and is no '
                             'reference for it; give those of its MSE-trained sibling, or leave '
                             '--mse out')

    def _take_photographs(self) -> Roles:
        settings, patch = self.settings, self.recipe.patch_for(self.network.upscaler.sizes)
        album = open_album(settings.photographs, self.out)
        heldout = open_album(settings.heldout, self.out) if settings.heldout else None
        roles = assign(album, heldout, settings.heldout_share, patch)
        for place, reason in roles.left_out.items():
            logger.warning('%s: %s', place, reason)
        self.say(f'{len(roles.photographs(TRAIN))} photographs to train on, '
                 f'{len(roles.photographs(HELDOUT))} held out, {len(roles.left_out)} left out')
        return roles

    def _signature(self) -> dict:
        settings, albums = self.settings, self.roles.albums
        return dict(settings.describe(), model=file_sha256(settings.model),
                    mse=file_sha256(local_checkpoint(settings.mse)) if settings.mse else None,
                    photographs=albums[TRAIN].signature(),
                    heldout=albums[HELDOUT].signature() if settings.heldout else None)

    def _plan(self) -> None:
        found = self.steps.do('plan', self._measure)
        self.speed = Speed(**found['speed'])
        self.plan = Plan(**found['plan'])
        self.degradation = found['degradation']
        self.own_reference = found['reference']
        for sentence in tell_plan(self.plan, self.speed, found, self.settings,
                                  self.network.scale):
            self.say(sentence)

    def _measure(self) -> dict:
        settings = self.settings
        speed = measure_speed(self.network.upscaler, self.recipe)
        degradation, noise = settings.degradation, None
        if degradation is None:
            largest = max(self.roles.photographs(TRAIN), key=lambda one: one.short)
            degradation, noise = tell_degradation(
                self.network, read_image(self.roles.albums[TRAIN].root / largest.inside))
        reference = settings.reference or REFERENCE_BY_DEGRADATION[degradation]
        makes_partner = settings.mse is None and reference == PARTNER
        passes = ENSEMBLE_PASSES if settings.mse is None and not makes_partner else 1
        for side in SIDES:
            amounts = self._amounts(side, passes, makes_partner)
            plan = make_plan(speed, amounts, self.recipe, settings.max_hours, settings.max_iters,
                             settings.partner_iters)
            if plan.is_ample(amounts, settings.max_hours):
                break
        return dict(speed=asdict(speed), plan=asdict(plan), degradation=degradation,
                    noise_left=noise, reference=reference, crop_pixels=amounts.crop_pixels)

    def _amounts(self, side: int, passes: int, makes_partner: bool) -> Amounts:
        train, train_pixels = expected_crops(self.roles.photographs(TRAIN), side)
        heldout, heldout_pixels = expected_crops(self.roles.photographs(HELDOUT), side)
        truths, pixels = expected_crops(self.roles.photographs(HELDOUT),
                                        self.network.scale * LQ_SIDE)
        return Amounts(train, heldout, max(train_pixels, heldout_pixels), passes, makes_partner,
                       side, truths, pixels / self.network.scale**2)

    def _cut(self) -> None:
        limits = {TRAIN: self.plan.train_crops, HELDOUT: self.plan.heldout_crops}
        found = self.steps.do('cut', lambda: [
            asdict(crop) for crop in cut(self.roles, self.work / 'crops', limits,
                                         self.plan.crop_side)])
        crops = [Crop(**row) for row in found]
        call_in_first(lambda: write_table(self.out / TABLE, crops, self.roles.left_out))
        used = [crop for crop in crops if crop.file]
        self.say(f'{sum(crop.role == TRAIN for crop in used)} crops to train on, '
                 f'{sum(crop.role == HELDOUT for crop in used)} held out; what was done with each '
                 f'photograph: {self.out / TABLE}')

    # ------------------------------------ the steps

    def _make_reference(self) -> Reference:
        settings, partner = self.settings, self.work / 'partner.pth'
        if settings.mse is None and self.own_reference == PARTNER:
            with self._step('partner'):
                self.partner = self.steps.do('partner', lambda: train_partner(
                    self.network, settings.model, self.recipe, self.plan, self.speed,
                    self.degradation, self.work / 'crops/train', self.work / 'partner',
                    partner, self.bar), together=True)
            self.say(of_partner(self.partner))
            if not self.partner['is_better']:
                self.own_reference = SELF_ENSEMBLE
        if self._mse is None:
            return build_reference(self.own_reference, self.network.upscaler)
        return Sibling(load_upscaler(self._spec(), self._mse, self.device))

    @property
    def _mse(self) -> Path | None:
        """Weights of the sibling, or of the partner that stands for it; None: neither."""
        if self.partner.get('is_better'):
            return self.work / 'partner.pth'
        return self.settings.mse

    def _find(self) -> dict:
        def find() -> dict:
            pairs = GeneratedPairs(self.work / 'crops/train', self.network.upscaler,
                                   self.reference)
            manifest = make_pseudo_gts(pairs, build_detector(self.detector),
                                       self.work / 'pseudo_gt')
            records = manifest.records
            return dict(images=len(records), regions=sum(one.regions for one in records),
                        area=sum(one.area for one in records),
                        with_artifacts=sum(bool(one.regions) for one in records))
        with self._step('find'):
            found = self.steps.do('find', find, together=True)
        self.say(f'found {found["regions"]} artifact regions in {found["with_artifacts"]} of '
                 f'{found["images"]} crops')
        return found

    def _finetune(self) -> dict:
        settings = self.settings
        hook: dict = dict(
            lq_dir=str(self.work / 'crops/train'),
            heldout_lq_dir=str(self.work / 'crops/heldout'), detector=self.detector,
            pseudo_gt_dir=str(self.work / 'pseudo_gt'))
        if self._mse is None:
            hook['reference'] = self.own_reference
        else:
            hook['mse_checkpoint'] = str(self._mse)
        with self._step('finetune'):
            return self.steps.do('finetune', lambda: finetune(
                self.network, settings.model, self.recipe, self.plan, self.speed, hook,
                self.work / 'finetune', self._result, self.bar), together=True)

    @property
    def _result(self) -> Path:
        return self.work / 'result.pth'

    def _judge(self) -> dict | None:
        def prepare() -> list[str]:
            heldout = self.roles.photographs(HELDOUT)
            root = self.roles.albums[HELDOUT].root
            return make_truths([(one.inside, root / one.inside) for one in heldout],
                               self.network.scale, self.degradation, self.work / 'truth',
                               self.plan.truths)

        def judge() -> dict | None:
            cured = load_upscaler(self._spec(), self._result, self.device)
            self.bar.watch(cured.generator, self.speed.forward)
            return judge_by_truth(self.work / 'truth', self.network.upscaler, cured,
                                  self.reference, self.detector, self.settings.perceptual)

        with self._step('judge'):
            too_small = self.steps.do('truths', prepare)
            for place in too_small:
                logger.info('%s: is too small to be reduced once more; it is no truth', place)
            return self.steps.do('judge', judge, together=True)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Say that a step begins, unless it is done, and count it on the bar."""
        if not self.steps.knows(name) and self.plan.seconds[name]:
            self.say(f'{TITLES[name]}: about {in_words(self.plan.seconds[name])}')
        with self.bar.step(name):
            yield

    def _spec(self) -> dict:
        """Of the network; spandrel recognises it by the model, whatever weights it then gets."""
        return self.network.generator

    # ------------------------------------ the result

    def _nothing(self, reason: str, found: Mapping) -> CureResult:
        figures = call_in_first(lambda: self._write_figures(NOTHING, [reason], dict(found=found)))
        return CureResult(NOTHING, [reason], None, self.roles.left_out, figures)

    def _finish(self, found: Mapping, trained: Mapping, truth: Mapping | None,
                verdict: Verdict) -> CureResult:
        outcome = CURED if verdict.helped else NO_HELP
        weights = cured_path(self.out, self.settings.model) if verdict.helped else self._result

        def write() -> dict:
            figures: dict[str, Any] = dict(found=found, trained=trained, truth=truth)
            if verdict.helped:
                state = load_upscaler(self._spec(), self._result).generator.state_dict()
                figures['cured'] = write_cured(self.settings.model, state, weights)
                figures['exported'] = [
                    dict(files=[file.name for file in one.files], difference=one.difference)
                    for one in export(weights, self.settings.export, self._spec())]
            title = f'{self.settings.model.name}: {outcome}'
            reasons = [f'{reason[:1].upper()}{reason[1:]}.' for reason in verdict.reasons]
            figures['pages'] = write_pages(self.out, self.work, title, reasons, self._facts(),
                                           trained['heldout'], truth)
            return self._write_figures(outcome, verdict.reasons, figures)
        figures = call_in_first(write)
        return CureResult(outcome, verdict.reasons, weights, self.roles.left_out, figures)

    @property
    def _reference_name(self) -> str:
        if self._mse is None:
            return self.own_reference
        return f'{self._mse.name} (SHA-256 {file_sha256(self._mse)[:16]}…)'

    def _facts(self) -> list[tuple[str, object]]:
        settings, plan = self.settings, self.plan
        model = (f'{settings.model.name} ({self.network.name}, SHA-256 '
                 f'{file_sha256(settings.model)[:16]}…)')
        return [('model', model),
                ('reference', self._reference_name),
                ('iterations', iterations_of(plan)),
                ('smallest region', self.detector['min_area']),
                ('made by', ', '.join(f'{name} {text}' for name, text in versions().items())),
                ('date', today())]

    def _write_figures(self, outcome: str, reasons: list[str], figures: Mapping) -> dict:
        settings = self.settings
        content = dict(
            outcome=outcome, reasons=reasons, date=today(), versions=versions(),
            model=dict(file=settings.model.name, sha256=file_sha256(settings.model),
                       network=self.network.name, generator=plain(self.network.generator)),
            settings=settings.describe(), detector=self.detector, recipe=asdict(self.recipe),
            degradation=self.degradation, reference=self._reference_name,
            partner=self.partner or None, plan=asdict(self.plan),
            speed=asdict(self.speed), left_out=self.roles.left_out, **figures)
        write_json(self.out / FIGURES, content)
        return content


def _teller(report: Report | None) -> Report:
    """Return what tells people of a step, once for all processes, and the log of all of it."""
    def say(sentence: str) -> None:
        if get_rank() == 0:
            logger.info('%s', sentence)
            if report is not None:
                report(sentence)
    return say
