"""A GAN-SR model and a folder of photographs in, a cured model out."""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.dist import get_rank

from ...detectors import build_detector
from ...engine.truth_loss import TruthLoss
from ...files.folder_lock import held_folder
from ...generators import GeneratedPairs, Reference, Sibling, build_reference, load_upscaler
from ...generators.checkpoint import local_checkpoint
from ..command_line import default_device
from ..processes import call_in_first
from ..pseudo_gt import make_pseudo_gts
from .bar import Bar
from .crops import LEAST_FOR_PARTNER, Crop, write_table
from .network import Network, find_network
from .outcome import LOG, TABLE, check_export, cured_path, logged_to, refuse_strangers
from .plan import (
    ENSEMBLE_PASSES,
    LEAST_PARTNER_ITERS,
    SPARE,
    Plan,
    measured_again,
    timed,
)
from .prepare import amounts_of, load_sibling, settle, signature_of, take_photographs
from .recipe import OWN_TRUTHS_SHARE, Recipe, recipe_for, smallest_region
from .record import CureResult, Record
from .settings import MIN_REGIONS, PARTNER, SELF_ENSEMBLE, CureSettings
from .speed import Speed, measure_speed
from .split import HELDOUT, TRAIN
from .steps import Steps
from .taking import cut, cut_for_partner, cut_more_heldout
from .telling import TITLES, tell_other_speed, tell_plan, tell_step
from .training import NO_PARTNER, finetune, of_partner, train_partner
from .truth import judge_by_truth, make_truths
from .verdict import judge_cure

Report = Callable[[str], None]

logger = logging.getLogger('mmdesra')

TURNS = 4
"""How often held-out crops are sought that show an artifact, at most."""
PATHS = 'mse', 'heldout', 'partner_photographs', 'vgg16_weights'


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
    paths = {name: Path(options.pop(name)) for name in PATHS if options.get(name)}
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
        self.tried = 0

    def run(self) -> CureResult:
        settings = self.settings
        self.network: Network = find_network(settings.model, settings.config, self.device)
        self.recipe: Recipe = recipe_for(self.network.kind)
        self.say(f'{settings.model}: {self.network.name}')
        # An error now is better than one after hours.
        self.truth_loss = TruthLoss(vgg16_weights=settings.vgg16_weights)
        self.sibling = None if settings.mse is None else load_sibling(
            self.network, settings.mse, settings.model, self.device)
        self.roles = take_photographs(settings, self.recipe, self.network, self.say)
        self.steps = Steps(self.work, signature_of(settings, self.roles))
        self._plan()
        self._cut()
        self.bar = Bar(self.plan.seconds, TITLES)
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
                                 f'crops to train on, but none in {self.tried} held-out ones, so '
                                 'a cure could not be judged; give more photographs, or others to '
                                 'judge with (--heldout)', found)
        truth = self._judge()
        verdict = judge_cure(trained['heldout'], (truth or {}).get('truth'))
        return call_in_first(lambda: self._record().leave(verdict, self._result, found, trained,
                                                          truth))

    # ------------------------------------ before it starts

    def _plan(self) -> None:
        found = self.steps.do('plan', lambda: settle(
            self.settings, self.network, self.recipe, self.roles, self.truth_loss, self.sibling))
        self.speed = Speed(**found['speed'])
        self.plan = Plan(**found['plan'])
        self.degradation = found['degradation']
        self.own_reference = found['reference']
        self.partner_patch = found['partner_patch']
        for sentence in tell_plan(self.plan, self.speed, found, self.settings,
                                  self.network.scale):
            self.say(sentence)

    def _cut(self) -> None:
        limits = {TRAIN: self.plan.train_crops, HELDOUT: self.plan.heldout_crops}
        found = self.steps.do('cut', lambda: [
            asdict(crop) for crop in cut(self.roles, self.work / 'crops', limits,
                                         self.plan.crop_side)])
        self.crops = [Crop(**row) for row in found]
        self._write_table()
        used = [crop for crop in self.crops if crop.file]
        self.say(f'{sum(crop.role == TRAIN for crop in used)} crops to train on, '
                 f'{sum(crop.role == HELDOUT for crop in used)} held out; what was done with each '
                 f'photograph: {self.out / TABLE}')

    def _write_table(self) -> None:
        call_in_first(lambda: write_table(self.out / TABLE, self.crops, self.roles.left_out))

    # ------------------------------------ the steps

    def _make_reference(self) -> Reference:
        settings, partner = self.settings, self.work / 'partner.pth'
        if settings.mse is None and self.own_reference == PARTNER:
            with self._step('partner'):
                self.partner = self._train_partner(partner)
            self.say(of_partner(self.partner))
            if not self.partner['is_better']:
                self.own_reference = SELF_ENSEMBLE
                self.plan = timed(self.plan, self.speed, amounts_of(
                    settings, self.roles, self.network.scale, SELF_ENSEMBLE, ENSEMBLE_PASSES,
                    self.plan.crop_side))
                self.bar.replan(self.plan.seconds)
        network, passes = self.network.upscaler, 1
        if self._mse is None:  # passes of the network itself, each of which the bar sees
            made: Reference = build_reference(self.own_reference, network)
        else:
            made = self.sibling or Sibling(load_upscaler(self._spec(), self._mse, self.device))
            passes += made.passes
        self.bar.watch(network.generator, passes * SPARE * self.speed.forward)
        return made

    def _train_partner(self, out: Path) -> dict:
        crops = self.work / 'crops/partner'
        count = self.steps.do('cut for the reference', lambda: cut_for_partner(
            self.roles, crops, self.partner_patch))
        if count < LEAST_FOR_PARTNER:
            return dict(NO_PARTNER, crops=count)
        return self.steps.do('partner', lambda: train_partner(
            self.network, self.settings.model, self.recipe, self.plan, self.speed,
            self.degradation, crops, self.partner_patch, self.work / 'partner', out, self.bar),
            together=True)

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

    def _measure_again(self) -> None:
        """Let fine-tuning have as many iterations as there is time for by now."""
        settings, name = self.settings, 'measured again'
        if settings.max_iters is not None or (
                (self.work / 'finetune').exists() and not self.steps.knows(name)):
            return
        now = Speed(**self.steps.do(name, lambda: asdict(measure_speed(
            self.network.upscaler, self.recipe, self.truth_loss))))
        plan = measured_again(self.plan, self.speed, now, self.recipe)
        if plan is not self.plan:
            self.say(tell_other_speed(self.plan, plan, self.speed, now))
            self.plan, self.speed = plan, replace(now, partner_step=self.speed.partner_step,
                                                  is_half=self.speed.is_half)

    def _finetune(self) -> dict:
        settings = self.settings
        self._measure_again()
        hook: dict = dict(
            lq_dir=str(self.work / 'crops/train'),
            heldout_lq_dir=str(self.work / 'crops/heldout'), detector=self.detector,
            pseudo_gt_dir=str(self.work / 'pseudo_gt'))
        if self._mse is None:
            hook['reference'] = self.own_reference
        else:
            hook['mse_checkpoint'] = str(self._mse)
        if settings.vgg16_weights is not None:
            wide = self.work / 'crops/partner'  # empty, perhaps, where no partner is trained
            hook.update(truth_share=OWN_TRUTHS_SHARE, truth_degradation=self.degradation,
                        truth_dir=str(wide) if self.partner.get('done') else hook['lq_dir'],
                        truth_loss=dict(vgg16_weights=str(settings.vgg16_weights)))
        with self._step('finetune'):
            for turn in range(TURNS):
                if turn and not self._take_other_heldout(turn):
                    break
                self.tried += sum(bool(one.file) for one in self.crops if one.role == HELDOUT)
                name = f'finetune_{turn}' if turn else 'finetune'
                train = partial(finetune, self.network, settings.model, self.recipe, self.plan,
                                self.speed, hook, self.work / name, self._result, self.bar)
                trained = dict(self.steps.do(name, train, together=True), folder=name)
                if trained['heldout'] is not None:
                    break
        return trained

    def _take_other_heldout(self, turn: int) -> bool:
        """Put other held-out crops in the place of those that show no artifact, if there are."""
        def take() -> list[dict]:
            return [asdict(crop) for crop in cut_more_heldout(
                self.roles, self.work / 'crops', self.plan.heldout_crops, self.plan.crop_side,
                turn * self.plan.heldout_crops)]
        found = [Crop(**row) for row in self.steps.do(f'held out {turn}', take)]
        self.crops = [*(one for one in self.crops if one.role != HELDOUT), *found]
        self._write_table()
        count = sum(bool(one.file) for one in found)
        if count:
            self.say(f'no artifact in {self.tried} held-out crops: {count} others are looked at')
        return bool(count)

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
            self.bar.watch(cured.generator, SPARE * self.speed.forward)
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
            self.say(tell_step(name, self.plan.seconds[name], self.bar.pace))
        with self.bar.step(name):
            yield

    def _spec(self) -> dict:
        """Of the network; spandrel recognises it by the model, whatever weights it then gets."""
        return self.network.generator

    # ------------------------------------ the result

    def _record(self) -> Record:
        return Record(self.settings, self.network, self.recipe, self.detector, self.degradation,
                      self.own_reference, self._mse, self.reference.passes, self.partner,
                      self.plan, self.speed, self.roles.left_out)

    def _nothing(self, reason: str, found: Mapping) -> CureResult:
        return call_in_first(lambda: self._record().leave_nothing(reason, found))


def _teller(report: Report | None) -> Report:
    """Return what tells people of a step, once for all processes, and the log of all of it."""
    def say(sentence: str) -> None:
        if get_rank() == 0:
            logger.info('%s', sentence)
            if report is not None:
                report(sentence)
    return say
