"""The pseudo-GT folders of a run, one for each round."""
from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from mmengine.dist import all_gather_object, barrier, get_rank, get_world_size
from mmengine.runner import Runner

from ..datasets.next_round_maker import NextRoundMaker, RoundBefore
from ..datasets.pseudo_gt_folder import Manifest, PseudoGTError, PseudoGTFolder
from ..datasets.pseudo_gt_maker import PseudoGTMaker
from ..detectors import BaseDetector
from ..errors import InputError
from ..files.listing import ImageInputs
from ..generators import GeneratedPairs, Reference, Upscaler, load_weights
from ..generators.wrappers import result_generator_of
from ..segmentors import LabelSource
from .rounds import Rounds, read_round
from .work_dir import held_by_run


@dataclass
class RoundFolders:
    """Makes the pseudo GTs of each round, or finds them done; each process does its share.

    Those of a later round are made by the weights in the checkpoint that the round before left,
    so that all processes, and a resumed run, have the same.

    Attributes:
        runner (Runner): The run.
        rounds (Rounds): Its rounds.
        lq_dir (str | Sequence[str]): LR images: a folder, a file, a pattern, or several.
        reference (Reference): What the SR images are compared with.
        detector (BaseDetector): Decides the masks.
        labels (LabelSource, optional): Label maps for the semantic step.
        start (str, optional): Checkpoint of the generator as it was before the first round.
        first_dir (str, optional): The first round's folder. Default: ``WORK_DIR/pseudo_gt``.
            Those of the others are always ``WORK_DIR/pseudo_gt_roundN``: they belong to the run.
        resumed_at (int): Iterations done when this run was resumed; 0 = it was not.
        recursive (bool): Whether to read the sub-folders of ``lq_dir``, too.

    Raises:
        PseudoGTError: If a run that begins finds a later round's folder of an earlier run.
    """
    runner: Runner
    rounds: Rounds
    lq_dir: ImageInputs
    reference: Reference
    detector: BaseDetector
    labels: LabelSource | None
    start: str | None
    first_dir: str | None
    resumed_at: int
    recursive: bool = False

    def __post_init__(self) -> None:
        for number in range(2, self.rounds.count + 1):
            root = self.folder(number).root
            if not self.resumed_at and root.exists():
                raise PseudoGTError(f'{root}: is of an earlier run. Go on with that one '
                                    '(--resume), use another work dir, or delete this folder')

    def folder(self, number: int) -> PseudoGTFolder:
        """Return a round's folder, which need not exist yet."""
        work_dir = Path(self.runner.work_dir)
        if number > 1:
            return PseudoGTFolder(work_dir / f'pseudo_gt_round{number}')
        return PseudoGTFolder(self.first_dir or work_dir / 'pseudo_gt')

    def prepare(self, number: int) -> PseudoGTFolder:
        """Make a round's folder, or find it done.

        Raises:
            PseudoGTError: If it was made with other weights or settings.
            InputError: If the weights to make it with are not there.
        """
        folder = self.folder(number)
        if folder.is_complete and self.resumed_at > self.rounds.start(number):
            self._check_round(folder, number)
        else:
            self._make(folder, number)
        return folder

    def figures(self, number: int) -> dict:
        """Return what a round's folder says: what its detection found, and what it holds."""
        manifest = self.folder(number).read_manifest()
        pairs = [record for record in manifest.records if record.regions]
        return dict(lq_images=len(manifest.records), regions_found=_found(manifest),
                    pseudo_gts=len(pairs), artifact_px=_area(manifest))

    def _check_round(self, folder: PseudoGTFolder, number: int) -> None:
        """Refuse the folder of another round where a resumed run finds one."""
        made_with = folder.read_manifest().made_with
        is_meant = (made_with.get('round') == number
                    and made_with.get('iteration') == self.rounds.start(number))
        if number > 1 and not is_meant:
            raise PseudoGTError(
                f'{folder.root}: expected the pseudo GTs of round {number}, begun after '
                f'{self.rounds.start(number)} iterations, got those of round '
                f'{made_with.get("round")} after {made_with.get("iteration")}. Resume with the '
                'rounds and iterations that the run began with')

    def _make(self, folder: PseudoGTFolder, number: int) -> None:
        maker = self._maker(folder, number)
        # The first process checks. If the folder is done it is not written to: others may read it.
        if all(all_gather_object(get_rank() > 0 or maker.has_made(folder))):
            if get_rank() == 0:
                self._report(folder, number, folder.read_manifest())
            return
        with held_by_run(folder.root):
            if get_rank() == 0:
                maker.begin(folder)
            barrier()
            maker.make(folder)
            skipped = {name: reason for part in all_gather_object(maker.skipped)
                       for name, reason in part.items()}
            if get_rank() == 0:
                manifest = maker.finish(folder, skipped)
                self._report(folder, number, manifest)
            barrier()

    def _maker(self, folder: PseudoGTFolder, number: int) -> PseudoGTMaker:
        pairs = GeneratedPairs(self.lq_dir, self._generator(folder, number),
                               self.reference, self.recursive)
        share = dict(labels=self.labels, rank=get_rank(), world_size=get_world_size())
        if number == 1:
            return PseudoGTMaker(pairs, self.detector, **share)
        before = self.folder(number - 1)
        if not before.is_complete:
            before = self.prepare(number - 1)
        return NextRoundMaker(pairs, self.detector, RoundBefore(
            before, self._generator(folder, 1), number, self.rounds.start(number)), **share)

    def _generator(self, folder: PseudoGTFolder, number: int) -> Upscaler:
        """Return the generator as it was when a round began, to make ``folder`` with."""
        generator = result_generator_of(self.runner.model)
        weights: str | Path | None = self.start
        if self.runner.iter:  # it is fine-tuned already
            generator = deepcopy(generator)
            if number > 1:
                weights = read_round(generator, self.runner.work_dir, number - 1,
                                     self.rounds.start(number))
            elif self.start:
                load_weights(generator, self.start)
            else:
                raise InputError(f'{folder.root}: is not complete, and without gan_checkpoint its '
                                 'pseudo GTs cannot be made again; resume needs one of the two')
        like = self.reference.upscaler
        return Upscaler(generator, like.tile, half=like.half, weights_file=weights)

    def _report(self, folder: PseudoGTFolder, number: int, manifest: Manifest) -> None:
        logger, pairs = self.runner.logger, [r for r in manifest.records if r.regions]
        if number > 1:
            before = self.folder(number - 1).read_manifest()
            logger.info(f'DeSRA: round {number} finds {_found(manifest)} regions in the LR images '
                        f'(the round before: {_found(before)}); the masks of all rounds grow from '
                        f'{_area(before)} to {_area(manifest)} px')
            if not _found(manifest):
                logger.info(f'DeSRA: nothing is left to fix in the LR images; round {number} goes '
                            'on with the pseudo GTs of the round before')
        logger.info(f'DeSRA: {len(pairs)} pseudo GTs with {sum(r.regions for r in pairs)} regions '
                    f'from {len(manifest.records)} LR images ({len(manifest.skipped)} skipped) in '
                    f'{folder.root}')


def _found(manifest: Manifest) -> int:
    return sum(record.regions if record.found is None else record.found
               for record in manifest.records)


def _area(manifest: Manifest) -> int:
    return sum(record.area for record in manifest.records)
