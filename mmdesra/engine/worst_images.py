"""Pictures of the held-out images that fine-tuning helped the least."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from mmengine.dist import barrier, master_only
from mmengine.visualization import Visualizer

from ..evaluation.before_after import BeforeAfter, read_pictures
from ..evaluation.comparison import Comparison
from ..files import image_name, make_output_folder, read_image, shown_name, write_image
from ..visualization.before_after import BeforeAfterImage, draw_before_after

FOLDER = 'worst'
COUNT = 4


def worst_images(comparison: Comparison, count: int = COUNT) -> list[str]:
    """Return the names of the images with the most artifact pixels after, then before.

    Those without any, before and after, are not among them.
    """
    areas = {name: (row['area_after'], row['area_before'])
             for name, row in comparison.per_image.items()}
    worst = sorted((name for name, area in areas.items() if any(area)),
                   key=areas.__getitem__, reverse=True)
    return worst[:count]


def show_worst_images(visualizer: Visualizer, heldout: BeforeAfter, comparison: Comparison,
                      step: int) -> None:
    """Draw the worst images before and after, see :func:`draw_before_after`.

    The pictures go to ``worst/1_NAME.png`` … in the folder of ``heldout``, and to the visualizer
    as ``worst_1`` …. In one of several processes; the others wait.

    Args:
        visualizer (Visualizer): Hands them to its backends: files, TensorBoard, W&B ….
        heldout (BeforeAfter): Has measured the images, and written what it saw.
        comparison (Comparison): What it found.
        step (int): Iterations done.
    """
    _show(visualizer, heldout, comparison, step)
    barrier()


@master_only
def _show(visualizer: Visualizer, heldout: BeforeAfter, comparison: Comparison,
          step: int) -> None:
    folder = make_output_folder(heldout.out_dir / FOLDER)
    for rank in range(1, COUNT + 1):
        for old in folder.glob(f'{rank}_*.png'):  # of a run before, in the same folder
            old.unlink()
    paths = {shown_name(path): path for path in heldout.paths}
    for rank, name in enumerate(worst_images(comparison), 1):
        picture = _draw(paths[name], heldout, comparison.per_image[name])
        stem = image_name(paths[name]).replace('/', '_')
        write_image(folder / f'{rank}_{stem}.png', picture)
        visualizer.add_image(f'worst_{rank}', picture, step)


def _draw(path: Path, heldout: BeforeAfter, row: dict) -> np.ndarray:
    pictures = read_pictures(heldout.out_dir, path)
    truth = heldout.read_truth(pictures['mse'], path) if 'truth' in row else None
    return draw_before_after(BeforeAfterImage(
        title=_title(shown_name(path), row), lq=read_image(path), mse=pictures['mse'],
        before=pictures['gan_before'], mask_before=pictures['mask_before'],
        after=pictures['gan_after'], mask_after=pictures['mask_after'], truth=truth,
        fates=[region['fate'] for region in row['regions']]))


def _title(name: str, row: dict) -> str:
    kept = row['detail_after'] / row['detail_before'] if row['detail_before'] else 1.
    title = (f'{name}: {row["removed"]} of {row["before"]} regions removed, {row["added"]} added, '
             f'detail kept {kept:.4f}')
    if row['excess_left'] is not None:
        title += f', excess left {row["excess_left"]:.0%}'
    if 'psnr_after' in row:
        title += (f', PSNR {row["psnr_before"]:.2f} to {row["psnr_after"]:.2f} dB, '
                  f'SSIM {row["ssim_before"]:.4f} to {row["ssim_after"]:.4f}')
    # A file name need not be text; what is drawn must be.
    return title.encode('utf-8', 'backslashreplace').decode()
