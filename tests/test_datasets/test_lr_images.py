from __future__ import annotations

import pytest
from toys import make_lq_folder

from mmdesra.datasets.lr_images import LRImages
from mmdesra.files import ImageError


def test_images_that_cannot_be_read_are_left_out_and_named(tmp_path, caplog):
    paths = make_lq_folder(tmp_path, count=3)
    paths[1].write_bytes(paths[1].read_bytes()[:200])
    (tmp_path / 'notes.txt').write_text('no image')
    dataset = LRImages(str(tmp_path))
    samples = [dataset.get_data_info(index) for index in range(len(dataset))]
    assert [(sample['key'], sample['img_path']) for sample in samples] == [
        ('image0', str(paths[0])), ('image2', str(paths[2]))]
    assert caplog.text.count('skipped: ') == 1
    assert str(paths[1]) in caplog.text


def test_folder_without_any_that_can_be_read(tmp_path):
    (tmp_path / 'image.png').write_text('no image')
    with pytest.raises(ImageError, match='no image that can be read; .*image.png: cannot be read'):
        LRImages(str(tmp_path))
