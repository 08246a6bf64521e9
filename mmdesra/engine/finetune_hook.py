"""The fine-tune hook: pseudo GTs before training, what became of the artifacts after it."""
from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

from mmengine.dist import all_gather_object, barrier, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from ..datasets.pseudo_gt_folder import PseudoGTFolder
from ..datasets.pseudo_gt_maker import PseudoGTMaker
from ..detectors import build_detector, build_labels
from ..errors import InputError
from ..evaluation.before_after import BeforeAfter, Comparison
from ..generators import GeneratedPairs, Upscaler, build_generator, load_weights
from ..generators.wrappers import generator_of, result_generator_of, unwrap
from .start_weights import start_discriminator, start_generator


class DeSRAFinetuneHook(Hook):
    """Fine-tunes a GAN-SR model on pseudo GTs of its own making (DeSRA, ICML 2023).

    Before training it fills the model from official checkpoints, makes the pseudo-GT folder
    (each process its share; a finished folder is used as it is), and swaps the training data
    in. Afterwards it measures, on LR images that were not trained on, what was removed, what
    was added and how much detail was kept. For any MMagic model with a ``generator``.

    Args:
        lq_dir (str): Folder of LR images to make pseudo GTs from.
        mse_checkpoint (str): Weights of the generator's MSE-trained sibling.
        gan_checkpoint (str, optional): Weights to start the generator (and its EMA) from.
            Default: the config's ``load_from``, which must then fill the whole generator.
        discriminator_checkpoint (str, optional): Weights of the discriminator. Default: those
            of the generator's checkpoint, if it is a whole MMagic model. Where there are none
            the adversarial loss is switched off, and this is said: a random discriminator
            would pull the generator towards noise.
        heldout_lq_dir (str, optional): Folder of LR images not trained on, to measure with.
        pseudo_gt_dir (str, optional): Default: ``WORK_DIR/pseudo_gt``.
        labels_dir (str, optional): Label maps for the semantic step, by file stem.
        segmentor (str | dict, optional): Instead: a segmenter, see
            :func:`mmdesra.segmentors.build_segmentor`.
        detector (str | dict): The detector. Default: 'DeSRA'.
        mse_generator (str | dict, optional): Type or config of the MSE-trained generator.
            Default: the model's own.
        gt_patch_size (int): Side of the GT patches in px. Default: 256.
        mask_prob (float): Share of the patches centred on an artifact. Default: 0.5.
        flips (bool): Flip the pairs at random; it costs texture, see
            :func:`mmdesra.datasets.pipeline.pseudo_gt_pipeline`.
        pipeline (Sequence[dict], optional): Training transforms instead of the default ones.
        tile (int): Tile side in LR px for making SR images; 0 = whole images.
        half (bool): Half precision for making SR images.
    """

    # After the weights are loaded, before hooks that look at the model or the data.
    priority = 'HIGH'

    def __init__(self,
                 lq_dir: str,
                 mse_checkpoint: str,
                 gan_checkpoint: str | None = None,
                 discriminator_checkpoint: str | None = None,
                 heldout_lq_dir: str | None = None,
                 pseudo_gt_dir: str | None = None,
                 labels_dir: str | None = None,
                 segmentor: str | dict | None = None,
                 detector: str | dict = 'DeSRA',
                 mse_generator: str | dict | None = None,
                 gt_patch_size: int = 256,
                 mask_prob: float = 0.5,
                 flips: bool = False,
                 pipeline: Sequence[dict] | None = None,
                 tile: int = 0,
                 half: bool = False) -> None:
        self.lq_dir = lq_dir
        self.mse_checkpoint = mse_checkpoint
        self.gan_checkpoint = gan_checkpoint
        self.discriminator_checkpoint = discriminator_checkpoint
        self.heldout_lq_dir = heldout_lq_dir
        self.pseudo_gt_dir = pseudo_gt_dir
        if labels_dir and segmentor:
            raise InputError('DeSRAFinetuneHook: expected labels_dir or segmentor, got both')
        self.detector = build_detector(detector)
        self.labels = build_labels(self.detector,
                                   dict(folder=labels_dir) if labels_dir else segmentor)
        self.mse_generator = mse_generator
        self.patches = dict(pipeline=pipeline, gt_patch_size=gt_patch_size, mask_prob=mask_prob,
                            flips=flips)
        self.tile = tile
        self.half = half
        self.seconds: dict[str, float] = {}
        self.comparison: Comparison | None = None
        self._heldout: BeforeAfter | None = None

    def before_train(self, runner: Runner) -> None:
        """Load, detect, make the pseudo GTs, swap the data in."""
        is_resumed = runner.iter > 0
        self._load_weights(runner, is_resumed)
        mse = self._upscaler(self._build_mse(runner))
        if self.heldout_lq_dir:
            self._measure_before(runner, mse, is_resumed)
        folder = PseudoGTFolder(self.pseudo_gt_dir or Path(runner.work_dir) / 'pseudo_gt')
        if not (is_resumed and folder.is_complete):
            self._make_pseudo_gts(runner, folder, mse, is_resumed)
        self._swap_training_data(runner, folder)
        self._training_since = time.perf_counter()

    def after_train(self, runner: Runner) -> None:
        """Measure what fine-tuning did."""
        self.seconds['finetune'] = time.perf_counter() - self._training_since
        if self._heldout is None:
            return
        with self._timed('detect_after'):
            self.comparison = self._heldout.measure_after(
                self._upscaler(result_generator_of(runner.model)))
        self._heldout.write(self.comparison, self.seconds)
        runner.logger.info(f'DeSRA: {self.comparison}')
        runner.logger.info(f'DeSRA: pictures and figures in {self._heldout.out_dir}')

    def _load_weights(self, runner: Runner, is_resumed: bool) -> None:
        model, start = unwrap(runner.model), self._start_checkpoint(runner)
        if not is_resumed:
            if not start:
                raise InputError('DeSRAFinetuneHook: the generator has no weights; give '
                                 'gan_checkpoint, or load_from in the config')
            start_generator(model, start, runner.logger)
        start_discriminator(model, self.discriminator_checkpoint, start, runner.logger,
                            is_resumed)

    def _start_checkpoint(self, runner: Runner) -> str | None:
        return self.gan_checkpoint or (None if runner.cfg.get('resume')
                                       else runner.cfg.get('load_from'))

    def _build_mse(self, runner: Runner) -> nn.Module:
        if self.mse_generator is not None:
            generator = build_generator(self.mse_generator)
        else:
            generator = deepcopy(generator_of(runner.model))
        load_weights(generator, self.mse_checkpoint)
        return generator.requires_grad_(False).to(next(runner.model.parameters()).device)

    def _measure_before(self, runner: Runner, mse: Upscaler, is_resumed: bool) -> None:
        self._heldout = BeforeAfter(self.heldout_lq_dir, mse, self.detector,
                                    Path(runner.work_dir) / 'heldout', self.labels)
        if not is_resumed:
            with self._timed('detect_before'):
                self._heldout.measure_before(
                    self._upscaler(result_generator_of(runner.model)))
        elif not self._heldout.knows_before:
            runner.logger.warning(f'DeSRA: {self._heldout.out_dir} does not say how the held-out '
                                  'images were before; they will not be compared')
            self._heldout = None

    def _make_pseudo_gts(self, runner: Runner, folder: PseudoGTFolder, mse: Upscaler,
                         is_resumed: bool) -> None:
        generator = result_generator_of(runner.model)
        if is_resumed:  # the model is fine-tuned already; pseudo GTs come from where it began
            if not self.gan_checkpoint:
                raise InputError(f'{folder.root}: is not complete, and without gan_checkpoint its '
                                 'pseudo GTs cannot be made again; resume needs one of the two')
            generator = deepcopy(generator)
            load_weights(generator, self.gan_checkpoint)
        pairs = GeneratedPairs(self.lq_dir, self._upscaler(generator), mse)
        maker = PseudoGTMaker(pairs, self.detector, self.labels, get_rank(), get_world_size())
        with self._timed('pseudo_gt'):
            maker.make(folder)
            skipped = {name: reason for part in all_gather_object(maker.skipped)
                       for name, reason in part.items()}
            if get_rank() == 0:
                manifest = maker.finish(folder, skipped)
                pairs_made = [record for record in manifest.records if record.regions]
                runner.logger.info(
                    f'DeSRA: {len(pairs_made)} pseudo GTs with '
                    f'{sum(record.regions for record in pairs_made)} regions from '
                    f'{len(manifest.records)} LR images ({len(skipped)} skipped) in {folder.root}')
            barrier()

    def _swap_training_data(self, runner: Runner, folder: PseudoGTFolder) -> None:
        config = deepcopy(runner.cfg.train_dataloader)
        config.dataset = dict(type='PseudoGTDataset', data_root=str(folder.root), **self.patches)
        loop = runner.train_loop
        loop.dataloader = runner.build_dataloader(config, seed=runner.seed)
        if hasattr(loop, 'dataloader_iterator'):
            # The loop has started an iterator (and its workers) over the old data already.
            loop.dataloader_iterator = type(loop.dataloader_iterator)(loop.dataloader)

    def _upscaler(self, generator: nn.Module) -> Upscaler:
        return Upscaler(generator, self.tile, half=self.half)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start
