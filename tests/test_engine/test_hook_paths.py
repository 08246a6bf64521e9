"""What the hook is given and is not there is named with the option that sets it."""
from __future__ import annotations

import pytest

from mmdesra.engine.hook_paths import OPTIONS, check_paths, list_images_of
from mmdesra.engine.hook_settings import PATHS
from mmdesra.errors import InputError


@pytest.mark.parametrize('name, said', [
    ('gan_checkpoint', '--gan-checkpoint sets another'),
    ('mse_checkpoint', '--reference self-ensemble'),
    ('mse_checkpoint', '`mmdesra make-mse-partner` trains one'),
    ('discriminator_checkpoint', '--hook-options discriminator_checkpoint=None switches the'),
    ('heldout_gt_dir', '--heldout-gt-dir sets another'), ('labels_dir', 'labels_dir=None')])
def test_what_is_not_there_is_named_with_what_to_do(tmp_path, name, said):
    with pytest.raises(InputError) as error:
        check_paths({name: str(tmp_path / 'x.pth')}, 'a_config.py')
    text = str(error.value)
    assert text.startswith(f'{tmp_path}/x.pth: no such file or folder; it is the {name} of '
                           'a_config.py')
    assert said in text


def test_all_that_is_missing_is_told_at_once(tmp_path):
    (tmp_path / 'there.pth').write_bytes(b'')
    with pytest.raises(InputError) as error:
        check_paths(dict(gan_checkpoint='a.pth', mse_checkpoint=f'{tmp_path}/there.pth',
                         discriminator_checkpoint='d.pth', pseudo_gt_dir='new'), None)
    assert 'a.pth: no such' in str(error.value) and 'd.pth: no such' in str(error.value)
    assert 'there.pth' not in str(error.value) and 'new' not in str(error.value)


def test_a_run_that_goes_on_has_its_own_weights():
    check_paths(dict(gan_checkpoint='a.pth', discriminator_checkpoint='d.pth'), None, True)
    with pytest.raises(InputError, match=r'm\.pth'):
        check_paths(dict(mse_checkpoint='m.pth'), None, True)


def test_a_placeholder_for_images_names_the_option():
    hook = dict(heldout_lq_dir='data/desra/heldout')
    with pytest.raises(InputError) as error:
        list_images_of(hook, 'heldout_lq_dir', 'a_config.py')
    text = str(error.value)
    assert text.startswith('data/desra/heldout: expected a folder of images')
    assert '--heldout-lq-dir sets another' in text and 'heldout_lq_dir=None' in text


def test_every_path_but_that_of_results_has_its_option():
    assert OPTIONS.keys() == {*PATHS} - {'pseudo_gt_dir'}
