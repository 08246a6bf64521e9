from __future__ import annotations

import pytest

from mmdesra.errors import InputError
from mmdesra.files.inputs import refuse_same_files


@pytest.mark.parametrize('written', ['a.csv', 'link', 'folder/../a.csv'])
def test_a_file_under_any_name(tmp_path, written):
    (tmp_path / 'a.csv').touch()
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'link').symlink_to('a.csv')
    with pytest.raises(InputError, match=rf'{written}: is read by this command.*give another'):
        refuse_same_files([tmp_path / 'b.csv', tmp_path / written], [tmp_path / 'a.csv'])


def test_others_are_let_pass(tmp_path):
    refuse_same_files([tmp_path / 'a', None, tmp_path / 'b'], [tmp_path / 'c', None])
    refuse_same_files([None], [None])
