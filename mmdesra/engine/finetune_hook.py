"""The fine-tune hook: pseudo GTs before training, what became of the artifacts after it."""
from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from ..datasets.pseudo_gt_dataset import patch_side
from ..detectors import build_detector, build_labels
from ..errors import InputError
from ..evaluation.before_after import BeforeAfter
from ..evaluation.comparison import Comparison
from ..evaluation.perceptual import build_perceptual
from ..files.folder_lock import let_go_of_folder
from ..files.listing import ImageInputs
from ..generators import Reference, Upscaler, image_sizes_of
from ..generators.any_size import take_any_size
from ..generators.checkpoint import refuse_address
from ..generators.reference import ReferenceSpec
from ..generators.wrappers import generator_of, result_generator_of, unwrap
from ..segmentors.build import label_folder
from .checkpoints import find_last_checkpoint, see_to_resumed, write_whole_checkpoints
from .describe_training import describe_training
from .ema import keep_ema_up
from .heldout import HeldOut
from .hook_settings import CHOOSING_STOPS, check_hook_settings
from .knee import WANTED_REMOVAL
from .knee_watch import KneeWatch
from .own_truths_of_run import OwnTruthsOfRun
from .round_folders import RoundFolders
from .run_in_rounds import RunInRounds, plan_rounds
from .run_reference import own_reference_of_run, sibling_of_run
from .small_photographs import check_photographs
from .start_weights import (
    leave_out_pretrained,
    start_discriminator,
    start_generator,
)
from .stopwatch import Stopwatch
from .training_data import TrainingData, check_patch_size
from .work_dir import hold_work_dir, spare_configs_of_others

HAS_DISCRIMINATOR = 'desra_has_discriminator'
SECONDS = 'desra_seconds'
"""Key in the meta of checkpoints: the seconds that each stage has taken."""
WATCHES = 20
"""How often the held-out images are measured in a run whose knee is sought."""


class DeSRAFinetuneHook(Hook):
    """Fine-tunes a GAN-SR model on pseudo GTs of its own making (DeSRA, ICML 2023).

    Before training it fills the model from official checkpoints, makes the pseudo-GT folder
    (each process its share; a finished folder is used as it is), and swaps the training data
    in. Afterwards it measures, on LR images that were not trained on, what was removed, what
    was added and how much detail was kept. For any MMagic model with a ``generator``.

    Args:
        lq_dir (str | Sequence[str]): LR images to make pseudo GTs from: a folder, a file, a
            pattern (``'photos/**/*.jpg'``), or several of these.
        mse_checkpoint (str, optional): Weights of the generator's MSE-trained sibling. Where
            there is none, give a ``reference``.
        gan_checkpoint (str, optional): Weights to start the generator (and its EMA) from.
            Default: the config's ``load_from``, which must then fill the whole generator.
        discriminator_checkpoint (str, optional): Weights of the discriminator. Default: those
            of the generator's checkpoint, if it is a whole MMagic model. Where there are none
            the adversarial loss is switched off, and this is said: a random discriminator
            would pull the generator towards noise.
        heldout_lq_dir (str | Sequence[str], optional): LR images not trained on, to measure with,
            likewise.
        heldout_gt_dir (str, optional): Folder of their ground truths, matched by file stem: adds
            PSNR, SSIM, and how far MSE-SR and GAN-SR are from the truth inside the artifacts and
            outside.
        perceptual (str | dict, optional): Perceptual distance to the ground truths, such as
            ``dict(type='LPIPS', net='alex', backbone_weights='alexnet.pth')``, see
            :func:`mmdesra.evaluation.perceptual.build_perceptual`.
        pseudo_gt_dir (str, optional): Default: ``WORK_DIR/pseudo_gt``.
        labels_dir (str, optional): Label maps for the semantic step, by file stem.
        label_offset (int, optional): The value in them that means the first class, see
            :class:`mmdesra.segmentors.LabelFolder`.
        segmentor (str | dict, optional): Instead: a segmenter, see
            :func:`mmdesra.segmentors.build_segmentor`.
        detector (str | dict): The detector. Default: 'DeSRA'.
        mse_generator (str | dict, optional): Type or config of the MSE-trained generator.
            Default: the model's own.
        reference (str | dict, optional): Instead of a sibling: ``'self-ensemble'``, or a dict
            with the type and arguments of a reference, see
            :func:`mmdesra.generators.build_reference`. It is made of the GAN as it was before
            fine-tuning.
        gt_patch_size (int): Side of the GT patches in px. The LR patches must have a size that
            the generator takes: RRDBNet at x2 and x1 needs a multiple of 4. Default: 256.
        mask_prob (float): Share of the patches centred on an artifact. Default: 0.5.
        flips (bool): Flip the pairs at random; it costs texture, see
            :func:`mmdesra.datasets.pipeline.pseudo_gt_pipeline`.
        pipeline (Sequence[dict], optional): Training transforms instead of the default ones.
        original_share (float): Share of the original training data in each batch, in [0, 1). The
            rest is pseudo-GT pairs. Default: 0, pseudo-GT pairs alone. Above 0 the config's
            ``train_dataloader.dataset`` must be the original data, and its GT patches as large
            as ``gt_patch_size``, see :class:`mmdesra.datasets.mixed_dataset.MixedDataset`.
        truth_share (float): Share of the user's own photographs in each batch, in [0, 1): each is
            the ground truth of its own reduction, see
            :class:`mmdesra.datasets.own_truths.OwnTruths`. Default: 0. Not beside an
            ``original_share``.
        truth_dir (str | Sequence[str], optional): These photographs. Default: ``lq_dir``.
        truth_degradation (str): How they are reduced, 'bicubic' or 'realesrgan'. Default:
            'bicubic'.
        truth_loss (dict, optional): Arguments of :class:`mmdesra.engine.truth_loss.TruthLoss`, the
            pixel loss on them; ``vgg16_weights`` adds its perceptual term. On pseudo GTs the
            model's own loss stays.
        rounds (int): Divide the iterations evenly into so many rounds. Each but the first begins
            by detecting again, with the fine-tuned generator, and trains on pseudo GTs with the
            masks of all rounds so far, see :class:`NextRoundMaker`; optimisers and schedules go
            on. ``WORK_DIR`` gets the figures of each round (``rounds.json``), the pseudo GTs of
            each (``pseudo_gt_roundN``), and the weights when the next one begins
            (``round_N.pth``). Default: 1.
        stop (str): What the result is: ``'iterations'``, the weights at the end, or ``'knee'``,
            those with the most detail among the ones that remove ``wanted_removal`` of the
            held-out regions and add none, or ``'truth'``, among these the ones that are nearest to
            the ground truths (``heldout_gt_dir``), see :func:`choose_knee`; they are kept as
            ``WORK_DIR/knee.pth``. It is sought in all rounds together.
        watch_interval (int, optional): Look at the held-out images every so many iterations,
            and draw ``heldout/curve.png``. Default: a twentieth of the iterations where the
            knee is sought, else never.
        wanted_removal (float): In [0, 1].
        tile (int): Tile side in LR px for making SR images; 0 = whole images.
        half (bool): Half precision for making SR images.
        recursive (bool): Whether to read the sub-folders of image folders, too. Ground truths and
            label maps are then in sub-folders of one name.
    """

    # After the weights are loaded, before hooks that look at the model or the data.
    priority = 'HIGH'

    def __init__(self,
                 lq_dir: ImageInputs,
                 mse_checkpoint: str | None = None,
                 gan_checkpoint: str | None = None,
                 discriminator_checkpoint: str | None = None,
                 heldout_lq_dir: ImageInputs | None = None,
                 heldout_gt_dir: str | None = None,
                 perceptual: str | dict | None = None,
                 pseudo_gt_dir: str | None = None,
                 labels_dir: str | None = None,
                 segmentor: str | dict | None = None,
                 detector: str | dict = 'DeSRA',
                 mse_generator: str | dict | None = None,
                 gt_patch_size: int = 256,
                 mask_prob: float = 0.5,
                 flips: bool = False,
                 pipeline: Sequence[dict] | None = None,
                 original_share: float = 0,
                 truth_share: float = 0,
                 truth_dir: ImageInputs | None = None,
                 truth_degradation: str = 'bicubic',
                 truth_loss: dict | None = None,
                 rounds: int = 1,
                 stop: str = 'iterations',
                 watch_interval: int | None = None,
                 wanted_removal: float = WANTED_REMOVAL,
                 tile: int = 0,
                 half: bool = False,
                 label_offset: int | None = None,
                 recursive: bool = False,
                 reference: ReferenceSpec | None = None) -> None:
        check_hook_settings(locals())
        spare_configs_of_others()  # the Runner that builds this hook has yet to write its own
        for checkpoint in (mse_checkpoint, gan_checkpoint, discriminator_checkpoint):
            refuse_address(checkpoint)
        self.lq_dir = lq_dir
        self.mse_checkpoint = mse_checkpoint
        self.gan_checkpoint = gan_checkpoint
        self.discriminator_checkpoint = discriminator_checkpoint
        self.heldout_lq_dir = heldout_lq_dir
        self.heldout_gt_dir = heldout_gt_dir
        self.perceptual = build_perceptual(perceptual)
        self.pseudo_gt_dir = pseudo_gt_dir
        self.detector = build_detector(detector)
        self.labels = build_labels(
            self.detector, label_folder(labels_dir, label_offset) if labels_dir else segmentor)
        self.mse_generator = mse_generator
        self.reference = reference
        self.gt_patch_size = gt_patch_size
        self.patches = dict(pipeline=pipeline, gt_patch_size=gt_patch_size, mask_prob=mask_prob,
                            flips=flips)
        self.original_share = original_share
        self.truths = OwnTruthsOfRun(truth_share, truth_dir or lq_dir, truth_degradation,
                                     truth_loss, recursive)
        self.rounds = rounds
        self.stop = stop
        self.watch_interval = watch_interval
        self.wanted_removal = wanted_removal
        self.tile = tile
        self.half = half
        self.recursive = recursive
        self._stopwatch = Stopwatch()
        self._seconds_of_checkpoint: dict[str, float] = {}
        self._heldout: HeldOut | None = None
        self._watch: KneeWatch | None = None

    def before_run(self, runner: Runner) -> None:
        """Prevent needless downloads of weights, and find the checkpoint to resume from."""
        refuse_address(self._start_checkpoint(runner))
        if self._start_checkpoint(runner) and not self.gan_checkpoint:
            # This hook loads load_from itself. mmengine would be silent if no name fitted, and
            # PyTorch's error messages advise to run code from the file.
            runner._load_from = None
        leave_out_pretrained(runner.model, runner.logger)
        write_whole_checkpoints(runner)
        find_last_checkpoint(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check that the run can be resumed, and read how long its stages have taken so far."""
        see_to_resumed(runner, checkpoint)
        self._seconds_of_checkpoint = checkpoint.get('meta', {}).get(SECONDS, {})

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Store how long the stages have taken so far, for a resumed run."""
        checkpoint['meta'][SECONDS] = self._stopwatch.seconds

    def before_train(self, runner: Runner) -> None:
        """Load, detect, make the pseudo GTs, swap the data in."""
        hold_work_dir(runner.work_dir)
        is_resumed = runner.iter > 0
        if is_resumed:
            self._stopwatch.go_on_from(self._seconds_of_checkpoint)
        rounds = plan_rounds(self.rounds, runner)
        data = TrainingData(runner, self._patches_for(runner), self.original_share,
                            self.truths.open(runner, self.gt_patch_size), self.truths.share)
        check_photographs(self.lq_dir, self.recursive, patch_side(self.patches),
                          image_sizes_of(generator_of(runner.model)), runner.logger)
        self._load_weights(runner, is_resumed)
        reference = self._build_reference(runner)
        folders = RoundFolders(
            runner, rounds, self.lq_dir, reference, self.detector, self.labels,
            self._start_checkpoint(runner), self.pseudo_gt_dir, resumed_at=runner.iter,
            recursive=self.recursive)
        describe_training(self, runner, reference, self._start_checkpoint(runner))
        if self.heldout_lq_dir:
            self._measure_before(runner, reference, is_resumed)
        self._run = RunInRounds(folders, data, partial(self._measure_now, runner),
                                self._stopwatch)
        self._run.start(runner)
        keep_ema_up(runner, self.rounds)
        self._start_watching(runner)
        self._stopwatch.start_training('finetune')

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: object = None) -> None:
        """Look at the held-out images, if it is time to.

        Not after the iteration: this hook would come before the one that updates the EMA.
        """
        self._look(runner)
        self.truths.mark(runner, data_batch)

    def after_train(self, runner: Runner) -> None:
        """Measure what fine-tuning did."""
        self._look(runner)
        self._stopwatch.stop_training()
        self._run.finish(runner)
        if self._heldout is not None:
            chosen = (self._watch.result(runner)
                      if self._watch and self.stop in CHOOSING_STOPS else None)
            self._heldout.finish(runner, chosen)

    def result_weights(self, runner: Runner) -> tuple[dict, int]:
        """Return the state dict of the generator that is the result, and its iteration."""
        watch = self._watch if self.stop == 'knee' else None
        weights = watch.kept_weights() if watch is not None else None
        if watch is not None and weights is not None and watch.knee is not None:
            return weights, watch.knee.iteration
        return result_generator_of(runner.model).state_dict(), runner.iter

    def after_run(self, runner: Runner) -> None:
        """Release the lock of the work dir."""
        let_go_of_folder(runner.work_dir)

    def _patches_for(self, runner: Runner) -> dict:
        """Refuse a patch size that the generator does not take; align patches with its grid."""
        for generator in (generator_of(runner.model), result_generator_of(runner.model)):
            take_any_size(generator)  # MMagic validates on whole images
        if self.patches['pipeline'] is not None:
            return self.patches
        sizes = image_sizes_of(generator_of(runner.model))
        check_patch_size(self.gt_patch_size, sizes)
        return dict(self.patches, lq_grid=sizes.grid)

    def _load_weights(self, runner: Runner, is_resumed: bool) -> None:
        model, start = unwrap(runner.model), self._start_checkpoint(runner)
        if not is_resumed:
            if not start:
                raise InputError('DeSRAFinetuneHook: the generator has no weights; give '
                                 'gan_checkpoint, or load_from in the config')
            start_generator(model, start, runner.logger)
        hub = runner.message_hub  # what it knows is in the checkpoints
        hub.update_info(HAS_DISCRIMINATOR, start_discriminator(
            model, self.discriminator_checkpoint, start, runner.logger,
            hub.get_info(HAS_DISCRIMINATOR, False) if is_resumed else None))

    def _start_checkpoint(self, runner: Runner) -> str | None:
        return self.gan_checkpoint or (None if runner.cfg.get('resume')
                                       else runner.cfg.get('load_from'))

    def _build_reference(self, runner: Runner) -> Reference:
        if self.mse_checkpoint is not None:
            return sibling_of_run(runner, self.mse_checkpoint, self.mse_generator, self._upscaler)
        assert self.reference is not None  # see check_hook_settings
        return own_reference_of_run(runner, self.reference, self._start_checkpoint(runner),
                                    self._upscaler)

    def _measure_before(self, runner: Runner, reference: Reference, is_resumed: bool) -> None:
        assert self.heldout_lq_dir is not None  # or nothing is measured
        images = BeforeAfter(self.heldout_lq_dir, reference, self.detector,
                             Path(runner.work_dir) / 'heldout', self.labels, self.heldout_gt_dir,
                             self.perceptual, self.recursive)
        if is_resumed and not images.knows_before:
            runner.logger.warning(f'DeSRA: {images.out_dir} does not say how the held-out images '
                                  'were before; they will not be compared')
            return
        self._heldout = HeldOut(images, self._upscaler, self._stopwatch)
        if not is_resumed:
            self._heldout.measure_before(runner)

    def _measure_now(self, runner: Runner) -> Comparison | None:
        return None if self._heldout is None else self._heldout.measure_now(runner)

    def _start_watching(self, runner: Runner) -> None:
        interval = self.watch_interval
        if interval is None and self.stop in CHOOSING_STOPS:
            interval = max(runner.max_iters // WATCHES, 1)
        if interval and self._heldout is not None:
            self._watch = KneeWatch(self._heldout, runner.work_dir, interval,
                                    self.wanted_removal, runner.iter, self.stop == 'truth')

    def _look(self, runner: Runner) -> None:
        if self._watch is not None:
            with self._stopwatch.time('watch'):
                self._watch.look_if_due(runner)

    def _upscaler(self, generator: nn.Module) -> Upscaler:
        return Upscaler(generator, self.tile, half=self.half)
