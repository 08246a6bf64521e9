from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from toys import make_lq_folder, make_lq_image

from mmdesra.datasets.readable_images import ReadableImages
from mmdesra.datasets.transforms import LoadLRImage
from mmdesra.files import ImageError, read_image, write_image


def test_images_that_cannot_be_read_are_left_out_and_named(tmp_path, caplog):
    paths = make_lq_folder(tmp_path, count=3)
    paths[1].write_bytes(paths[1].read_bytes()[:200])
    (tmp_path / 'notes.txt').write_text('no image')
    dataset = ReadableImages(str(tmp_path))
    samples = [dataset.get_data_info(index) for index in range(len(dataset))]
    assert [(sample['key'], sample['img_path']) for sample in samples] == [
        ('image0', str(paths[0])), ('image2', str(paths[2]))]
    assert caplog.text.count('skipped: ') == 1
    assert str(paths[1]) in caplog.text
    assert len(dataset.skipped) == 1 and str(paths[1]) in dataset.skipped[0]


def test_images_that_are_too_small_for_a_patch(tmp_path, caplog):
    paths = make_lq_folder(tmp_path, count=2)
    write_image(paths[0], read_image(paths[0])[:15])
    dataset = ReadableImages(str(tmp_path), image_key='gt', min_size=16)
    assert [sample['gt_path'] for sample in dataset] == [str(paths[1])]
    assert re.search(rf'skipped: {paths[0]}: expected at least 16x16 px, got \d+x15', caplog.text)


def test_folder_without_any_that_can_be_read(tmp_path):
    (tmp_path / 'image.png').write_text('no image')
    with pytest.raises(ImageError, match='no image that can be used; .*image.png: cannot be read'):
        ReadableImages(str(tmp_path))


@pytest.mark.parametrize('key', ['img', 'gt'])
def test_what_was_found_readable_is_loaded_by_the_same_reader(tmp_path, key):
    """OpenCV reads no GIF, and MMagic asks OpenCV: training would end at such a file."""
    path = tmp_path / 'photo.png'
    Image.fromarray(make_lq_image(0)).quantize(16).save(path, 'GIF')
    dataset = ReadableImages(str(tmp_path), [dict(type='LoadLRImage', key=key)], image_key=key)
    [sample] = dataset
    np.testing.assert_array_equal(sample[key], read_image(path))
    assert sample[f'ori_{key}_shape'] == sample[key].shape
    assert repr(LoadLRImage(key)) == f'LoadLRImage(key={key!r})'
