"""Photographs enlarged by a generator whose results are known in closed form."""
from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from PIL import Image
from toys import SCALE, make_lq_image, write_checkpoints

from mmdesra import apis
from mmdesra.apis import upscaling
from mmdesra.apis.healing import Healer
from mmdesra.apis.upscale_journal import NAME
from mmdesra.detectors import build_detector
from mmdesra.errors import InputError
from mmdesra.files import read_mask
from mmdesra.files.full_images import FullImage, read_full_image, write_full_image
from mmdesra.generators import Reference, Upscaler, build_reference, load_generator

TOY = 'ToyGenerator'
SETTINGS = dict(generator=TOY, device='cpu', show_progress=False)
SIZE = (9, 14)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """Of a generator with artifacts, and of one that repeats each pixel 4×4 times."""
    return write_checkpoints(tmp_path_factory.mktemp('weights'))


@pytest.fixture
def plain(weights):
    return weights[1]


@pytest.fixture
def photos(tmp_path):
    (tmp_path / 'photos').mkdir()
    return tmp_path / 'photos'


def values(*shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype)


def enlarged(pixels):
    return pixels.repeat(SCALE, 0).repeat(SCALE, 1)


KINDS = {f'{name} {np.iinfo(dtype).bits}': (shape, has_alpha, dtype)
         for name, shape, has_alpha in (('grey', SIZE, False), ('grey and alpha', SIZE, True),
                                        ('RGB', (*SIZE, 3), False), ('RGBA', (*SIZE, 3), True))
         for dtype in (np.uint8, np.uint16)}


@pytest.mark.parametrize('tile', [0, 5])
@pytest.mark.parametrize('kind', KINDS)
def test_each_kind_of_image_stays_of_its_kind(plain, photos, tmp_path, kind, tile):
    shape, has_alpha, dtype = KINDS[kind]
    image = FullImage(values(*shape, dtype=dtype),
                      values(*SIZE, dtype=dtype, seed=1) if has_alpha else None)
    write_full_image(photos / 'a.png', image)
    [result] = apis.upscale(plain, photos, tmp_path / 'out', tile=tile, **SETTINGS)
    assert result.file == tmp_path / 'out/a_out.png' and not result.error
    found = read_full_image(result.file)
    np.testing.assert_array_equal(found.pixels, enlarged(image.pixels))
    assert (found.alpha is not None) == has_alpha
    if has_alpha:
        np.testing.assert_array_equal(found.alpha, enlarged(image.alpha))
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['a_out.png']


@pytest.mark.parametrize('upsampler', ['model', 'bicubic'])
def test_alpha_is_enlarged_as_asked_for_and_stays_even_where_it_is(plain, photos, tmp_path,
                                                                   upsampler):
    pixels, alpha = values(*SIZE, 3), values(*SIZE, seed=1)
    write_full_image(photos / 'a.png', FullImage(pixels, alpha))
    write_full_image(photos / 'b.png', FullImage(pixels, np.full(SIZE, 200, np.uint8)))
    first, second = apis.upscale(plain, photos, tmp_path / 'out', alpha_upsampler=upsampler,
                                 **SETTINGS)
    bicubic = cv2.resize(alpha, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    wanted = enlarged(alpha) if upsampler == 'model' else bicubic
    np.testing.assert_array_equal(read_full_image(first.file).alpha, wanted)
    assert (read_full_image(second.file).alpha == 200).all()


@pytest.mark.parametrize('outscale, size', [(2, (18, 28)), (1.5, (13, 21)), (6, (54, 84)),
                                            (4, (36, 56)), (.3, (2, 4))])
def test_the_result_is_resized_as_real_esrgan_does(plain, photos, tmp_path, outscale, size):
    image = FullImage(values(*SIZE, 3, dtype=np.uint16), values(*SIZE, dtype=np.uint16))
    write_full_image(photos / 'a.png', image)
    [result] = apis.upscale(plain, photos, tmp_path / 'out', outscale=outscale, **SETTINGS)
    found = read_full_image(result.file)
    both = np.dstack([enlarged(image.pixels), enlarged(image.alpha)])
    wanted = both if outscale == 4 else cv2.resize(both, size[::-1],
                                                   interpolation=cv2.INTER_LANCZOS4)
    assert found.pixels.shape[:2] == size
    np.testing.assert_array_equal(np.dstack([found.pixels, found.alpha]), wanted)


@pytest.mark.parametrize('name, kind, extension, wanted', [
    ('a.jpg', 'RGB 8', 'auto', 'a_out.jpg'), ('a.JPEG', 'RGB 8', 'auto', 'a_out.jpeg'),
    ('a.webp', 'RGBA 8', 'auto', 'a_out.webp'), ('a.gif', 'RGB 8', 'auto', 'a_out.png'),
    ('a.bmp', 'RGB 8', 'auto', 'a_out.bmp'), ('a.tif', 'RGB 16', 'auto', 'a_out.tif'),
    ('a.png', 'RGBA 8', 'jpg', 'a_out.png'), ('a.png', 'RGB 16', 'jpg', 'a_out.jpg'),
    ('a.png', 'RGBA 16', 'webp', 'a_out.webp'), ('a.tif', 'RGB 8', 'png', 'a_out.png')])
def test_the_format_is_the_photographs_or_one_that_can_hold_it(plain, photos, tmp_path, name,
                                                               kind, extension, wanted):
    shape, has_alpha, dtype = KINDS[kind]
    pixels = values(*shape, dtype=dtype)
    if name.endswith('gif'):
        Image.fromarray(pixels).save(photos / name)
    else:
        write_full_image(photos / name.replace('JPEG', 'jpeg'), FullImage(
            pixels, values(*SIZE, dtype=dtype) if has_alpha else None))
        (photos / name.replace('JPEG', 'jpeg')).rename(photos / name)
    [result] = apis.upscale(plain, photos, tmp_path / 'out', extension=extension, **SETTINGS)
    assert result.file.name == wanted
    found = read_full_image(result.file)
    assert (found.alpha is not None) == has_alpha
    assert found.is_deep == (dtype == np.uint16 and wanted[-4:] in ('.png', '.tif'))


def test_what_a_format_loses_is_said(plain, photos, tmp_path, caplog):
    from mmdesra.files import left_out
    left_out._said.clear()
    write_full_image(photos / 'a.png', FullImage(values(*SIZE, 3), values(*SIZE)))
    write_full_image(photos / 'b.png', FullImage(values(*SIZE, 3, dtype=np.uint16)))
    apis.upscale(plain, photos, tmp_path / 'out', extension='jpg', **SETTINGS)
    assert 'images with alpha are written as .png: .jpg has none' in caplog.text
    assert 'images of 16 bits a channel are written with 8' in caplog.text


def test_folders_any_depth_and_a_bad_image_among_them(plain, photos, tmp_path, capsys):
    for place in ('a.png', 'sub/b.png', 'sub/deeper/a.png'):
        (photos / place).parent.mkdir(exist_ok=True, parents=True)
        write_full_image(photos / place, FullImage(values(3, 3, 3)))
    (photos / 'sub/bad.jpg').write_bytes(b'no image')
    results = apis.upscale(plain, photos, tmp_path / 'out', recursive=True, suffix='', **SETTINGS)
    written = {path.relative_to(tmp_path / 'out').as_posix()
               for path in (tmp_path / 'out').rglob('*') if path.is_file()}
    assert written == {'a.png', 'sub/b.png', 'sub/deeper/a.png'}
    assert [bool(result.error) for result in results] == [False, False, True, False]
    assert 'bad.jpg' in results[2].error


# ---------------------------------------- stopped and resumed


@pytest.fixture
def calls(monkeypatch):
    """The names of the photographs that are enlarged; one of them stops the run."""
    class Calls(list):
        stop_at = None

    calls, call = Calls(), upscaling.ImageUpscaler.__call__

    def noted(self, image, path):
        if path.name == calls.stop_at:
            raise KeyboardInterrupt
        calls.append(path.name)
        return call(self, image, path)

    monkeypatch.setattr(upscaling.ImageUpscaler, '__call__', noted)
    return calls


@pytest.fixture
def stopped(plain, photos, tmp_path, calls, caplog):
    """A run over a, b, c, d that was stopped at c."""
    for number, name in enumerate('abcd'):
        write_full_image(photos / f'{name}.png', FullImage(values(3, 4, 3, seed=number)))
    calls.stop_at = 'c.png'
    with pytest.raises(KeyboardInterrupt):
        apis.upscale(plain, photos, tmp_path / 'out', **SETTINGS)
    assert calls == ['a.png', 'b.png']
    assert 'stopped: 2 of 4 images are done' in caplog.text
    calls.clear()
    calls.stop_at = None
    return tmp_path / 'out'


def test_a_stopped_run_goes_on_where_it_was(plain, photos, stopped, calls):
    results = apis.upscale(plain, photos, stopped, resume=True, **SETTINGS)
    assert calls == ['c.png', 'd.png']
    assert [result.file.name for result in results] == [f'{name}_out.png' for name in 'abcd']
    assert not (stopped / NAME).exists()
    apis.upscale(plain, photos, stopped, resume=True, **SETTINGS)
    assert calls[2:] == [f'{name}.png' for name in 'abcd']  # there was no stopped run


def test_what_changed_or_is_gone_is_done_again(plain, photos, stopped, calls):
    write_full_image(photos / 'a.png', FullImage(values(5, 5, 3)))
    (stopped / 'b_out.png').unlink()
    apis.upscale(plain, photos, stopped, resume=True, **SETTINGS)
    assert calls == [f'{name}.png' for name in 'abcd']


def test_it_is_stopped_again_and_keeps_all(plain, photos, stopped, calls):
    calls.stop_at = 'd.png'
    with pytest.raises(KeyboardInterrupt):
        apis.upscale(plain, photos, stopped, resume=True, **SETTINGS)
    calls.stop_at = None
    apis.upscale(plain, photos, stopped, resume=True, **SETTINGS)
    assert calls == ['c.png', 'd.png']


@pytest.mark.parametrize('change, named', [
    (dict(suffix='x'), 'suffix: there out, now x'), (dict(outscale=2), 'outscale'),
    (dict(tile=2), 'tile')])
def test_other_settings_are_refused(plain, photos, stopped, calls, change, named):
    with pytest.raises(InputError, match=f'other settings .*{named}.*without --resume'):
        apis.upscale(plain, photos, stopped, resume=True, **SETTINGS, **change)
    assert not calls
    apis.upscale(plain, photos, stopped, **SETTINGS, **change)
    assert len(calls) == 4


@pytest.mark.parametrize('line', ['{"image": "a.png"}', 'no JSON', json.dumps(dict(
    image='a.png', made_from=[1, 2], files=['../a.png'], sizes=[3], regions=0, healed=0))])
def test_a_damaged_journal_is_refused_and_a_torn_line_is_not(plain, photos, stopped, calls, line):
    whole = (stopped / NAME).read_text()
    (stopped / NAME).write_text(f'{whole}{line}\n')
    with pytest.raises(InputError, match='is damaged .* without --resume'):
        apis.upscale(plain, photos, stopped, resume=True, **SETTINGS)
    (stopped / NAME).write_text(whole + line[:7])
    apis.upscale(plain, photos, stopped, resume=True, **SETTINGS)
    assert calls == ['c.png', 'd.png']


# ---------------------------------------- refused


@pytest.mark.parametrize('change, message', [
    (dict(outscale=0), 'outscale above 0'), (dict(outscale=float('nan')), 'outscale above 0'),
    (dict(suffix='a/b'), 'suffix that can be in the name'),
    (dict(quality=0), 'quality from 1 to 100'), (dict(extension='tga'), 'expected an extension'),
    (dict(alpha_upsampler='lanczos'), 'alpha upsampler'), (dict(save_masks=True), '--heal'),
    (dict(device='none'), 'device none')])
def test_what_is_no_setting_is_refused(plain, photos, tmp_path, change, message):
    write_full_image(photos / 'a.png', FullImage(values(3, 4, 3)))
    with pytest.raises(InputError, match=message):
        apis.upscale(plain, photos, tmp_path / 'out', **{**SETTINGS, **change})


def test_photographs_are_not_written_over(plain, photos):
    for name in ('a.png', 'a_out.png'):
        write_full_image(photos / name, FullImage(values(3, 4, 3)))
    before = (photos / 'a_out.png').read_bytes()
    with pytest.raises(InputError, match='is read by this command'):
        apis.upscale(plain, photos, photos, **SETTINGS)
    with pytest.raises(InputError, match='lies in'):
        apis.upscale(plain, photos, photos / 'out', recursive=True, **SETTINGS)
    results = apis.upscale(plain, [*sorted(photos.glob('*.png'))], photos, **SETTINGS)
    assert 'would overwrite' in results[0].error
    assert results[1].file.name == 'a_out_out.png'
    assert (photos / 'a_out.png').read_bytes() == before


def test_a_result_that_is_too_large_for_its_format_is_skipped(plain, photos, tmp_path):
    write_full_image(photos / 'a.webp', FullImage(values(1, 4096, 3)))
    write_full_image(photos / 'b.png', FullImage(values(1, 9000, 3)))
    [first, second] = apis.upscale(plain, photos, tmp_path / 'out', outscale=None, **SETTINGS)
    assert 'a.webp' in first.error and 'write it as .png' in first.error and not second.error
    [_, second] = apis.upscale(plain, photos, tmp_path / 'out', outscale=2, **SETTINGS)
    assert 'sides may have 1 to 32767 px' in second.error


# ---------------------------------------- healed


def upscalers(weights):
    return [Upscaler(load_generator(TOY, path)) for path in weights]


class ShallowReference(Reference):
    """One that knows 8 bits alone, and looks at the GAN-SR image, too."""

    def __call__(self, lq, gan):
        assert lq.dtype == gan.dtype == np.uint8 and gan.shape[0] == 4 * lq.shape[0]
        return self.upscaler(lq)

    def describe(self):
        return dict(mse_sha256=None)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('kind', ['upscaler', 'of 8 bits'])
def test_artifacts_are_replaced_by_the_reference(weights, photos, tmp_path, dtype, kind):
    gan, mse = upscalers(weights)
    lq = make_lq_image(0).astype(dtype) * dtype(257 if dtype == np.uint16 else 1)
    write_full_image(photos / 'a.png', FullImage(lq))
    reference = mse if kind == 'upscaler' else ShallowReference(mse)
    healer = Healer(build_detector(dict(type='DeSRA', min_area=200)), reference)
    [result] = apis.upscale(weights[0], photos, tmp_path / 'out', healer=healer, save_masks=True,
                            **SETTINGS)
    mask = read_mask(tmp_path / 'out/mask/a_out.png')
    assert result.regions > 0 and result.healed == mask.sum() > 200
    healed, before, wanted = read_full_image(result.file).pixels, gan(lq), mse(lq)
    assert healed.dtype == dtype
    np.testing.assert_array_equal(healed[mask], wanted[mask])
    assert (before[mask] != wanted[mask]).any()
    far = cv2.dilate(mask.astype(np.uint8), np.ones((17, 17))) == 0
    np.testing.assert_array_equal(healed[far], before[far])


def test_masks_have_the_size_of_what_is_resized(weights, photos, tmp_path):
    write_full_image(photos / 'a.png', FullImage(make_lq_image(0)))
    healer = Healer(build_detector(dict(type='DeSRA', min_area=200)), upscalers(weights)[1])
    apis.upscale(weights[0], photos, tmp_path / 'out', healer=healer, save_masks=True, outscale=2,
                 **SETTINGS)
    assert read_mask(tmp_path / 'out/mask/a_out.png').shape == (80, 96)


def test_what_cannot_be_healed_is_skipped_by_name(weights, photos, tmp_path):
    write_full_image(photos / 'a.png', FullImage(values(2, 2, 3)))  # less than a window
    write_full_image(photos / 'b.png', FullImage(make_lq_image(1)))
    healer = Healer(build_detector(dict(type='DeSRA')), upscalers(weights)[1])
    first, second = apis.upscale(weights[0], photos, tmp_path / 'out', healer=healer, **SETTINGS)
    assert 'a.png' in first.error and 'at least 11x11 px' in first.error and not second.error


def test_a_model_is_not_healed_by_itself(weights, photos, tmp_path):
    write_full_image(photos / 'a.png', FullImage(make_lq_image(0)))
    healer = Healer(build_detector(dict(type='DeSRA')), upscalers(weights)[0])
    with pytest.raises(InputError, match='the same weights for both'):
        apis.upscale(weights[0], photos, tmp_path / 'out', healer=healer, **SETTINGS)


def test_what_a_model_says_of_the_turned_image_heals_it_too(weights, photos, tmp_path):
    """As every reference: the one of `detect` and `train`, called alike."""
    lq = make_lq_image(0)
    write_full_image(photos / 'a.png', FullImage(lq))
    gan, _ = upscalers(weights)
    reference = build_reference(dict(type='self-ensemble', passes=4), gan)
    healer = Healer(build_detector(dict(type='DeSRA', min_area=200)), reference)
    [result] = apis.upscale(weights[0], photos, tmp_path / 'out', healer=healer, save_masks=True,
                            **SETTINGS)
    mask = read_mask(tmp_path / 'out/mask/a_out.png')
    healed = read_full_image(result.file).pixels
    assert result.regions > 0
    np.testing.assert_array_equal(healed[mask], reference(lq, gan(lq))[mask])
    assert healer.describe()['reference']['reference']['passes'] == 4


def test_a_negative_feather_is_refused(weights):
    with pytest.raises(InputError, match='feather of at least 0'):
        Healer(build_detector('DeSRA'), upscalers(weights)[1], feather=-1)
