"""One of two processes that detect on one folder, started as Slurm would; see the test beside."""
from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
from toys import MIN_AREA

from mmdesra.apis.detect import detect_folder
from mmdesra.apis.processes import joined
from mmdesra.detectors import DeSRA
from mmdesra.errors import InputError
from mmdesra.generators import StoredPairs
from mmdesra.segmentors import LabelFolder


class Stopping(StoredPairs):
    """Pairs of which the fourth, the second of process 1, stops the run."""

    def read(self, path):
        if path.stem == 'image3':
            raise OSError('disk full')
        return super().read(path)


def main(root: Path, rank: str) -> None:
    os.environ.update(SLURM_PROCID=rank, SLURM_NTASKS='2', SLURM_LOCALID=rank,
                      MASTER_ADDR='127.0.0.1', MASTER_PORT=(root / 'port').read_text())
    torch.set_num_threads(1)
    folders, detector = (root / 'gan', root / 'mse'), DeSRA(min_area=MIN_AREA)
    with joined('slurm'):
        results = detect_folder(StoredPairs(*folders), detector, root / 'two',
                                LabelFolder(root / 'labels'), save_map=True)
        detect_folder(StoredPairs(*folders), detector, root / 'resumed', resume=True)
        errors = []
        for source, out in ((Stopping(*folders), root / 'stopped'),
                            (StoredPairs(*folders), root / 'gan/image1.png')):
            try:
                detect_folder(source, detector, out)
            except (InputError, OSError) as error:
                errors.append(f'{type(error).__name__}: {error}')
    (root / f'rank{rank}.json').write_text(json.dumps(dict(
        images=[result.image for result in results], errors=errors)))


if __name__ == '__main__':
    main(Path(sys.argv[1]), sys.argv[2])
