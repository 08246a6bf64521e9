from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from mmdesra.datasets.pseudo_gt_folder import (
    Journal,
    Manifest,
    PseudoGTError,
    PseudoGTFolder,
    Record,
    file_sha256,
)
from mmdesra.files import atomic_path

BINS = [0, 4.5, -1] * 50
MADE_WITH = dict(gan_sha256='a' * 64, half=False,
                 detector=dict(type='DeSRA', threshold=.7, class_bins=BINS))
RECORDS = (Record('b', 'b.png', '1' * 64, '', 2, 300, '2' * 64),
           Record('a ä.x', 'a ä.x.jpg', '3'))


def completed(root, records=RECORDS, skipped=None):
    folder = PseudoGTFolder(root)
    folder.open_for_making(MADE_WITH)
    folder.complete(Manifest('/photos', MADE_WITH, records, skipped or {}))
    return folder


def interrupted(root, records=RECORDS, rank=0):
    folder = PseudoGTFolder(root)
    folder.open_for_making(MADE_WITH)
    journal = folder.journal(rank, MADE_WITH)
    for record in records:
        journal.add(record)
    journal.close()
    return folder


def by_made_from(*records):
    return {record.made_from: record for record in records}


def test_paths(tmp_path):
    folder = PseudoGTFolder(str(tmp_path))
    assert folder.gt_path('a.b') == tmp_path / 'gt' / 'a.b.png'
    assert folder.mask_path('a.b') == tmp_path / 'mask' / 'a.b.png'


def test_a_manifest_comes_back(tmp_path):
    skipped = {'z.png': 'no image', 'c.png': 'neither'}
    folder = completed(tmp_path, skipped=skipped)
    assert folder.is_complete
    assert folder.read_manifest() == Manifest('/photos', MADE_WITH, RECORDS[::-1], skipped)
    assert folder.finished() == by_made_from(*RECORDS)


def test_a_manifest_can_be_read_by_a_person(tmp_path):
    completed(tmp_path, skipped={'z.png': 'no image', 'c.png': 'neither'})
    text = (tmp_path / 'manifest.json').read_text()
    assert text.count('\n') > 20 and text.endswith('}\n')
    assert ', '.join(map(str, BINS)) in text  # on one line
    content = json.loads(text)
    assert list(content) == ['format', 'version', 'lq_dir', 'made_with', 'records', 'skipped']
    expected = [asdict(record) for record in RECORDS[::-1]]
    for name in ('found', 'largest_dropped'):  # of a later round; where something was dropped
        assert [record.pop(name) for record in expected] == [None, None]
    assert content['records'] == expected
    assert list(content['skipped']) == ['c.png', 'z.png']


def test_the_order_of_the_records_does_not_show(tmp_path):
    for name, records in dict(a=RECORDS, b=RECORDS[::-1]).items():
        completed(tmp_path / name, records)
    assert file_sha256(tmp_path / 'a/manifest.json') == file_sha256(tmp_path / 'b/manifest.json')


def test_a_folder_under_way_is_not_complete(tmp_path):
    folder = interrupted(tmp_path)
    assert not folder.is_complete
    assert folder.finished() == by_made_from(*RECORDS)
    folder.complete(Manifest('/photos', MADE_WITH, RECORDS, {}))
    assert folder.is_complete
    assert sorted(path.name for path in tmp_path.iterdir()) == ['gt', 'manifest.json', 'mask']
    folder.journal(0, MADE_WITH).close()
    assert not folder.is_complete


def test_journals_add_to_the_manifest(tmp_path):
    folder = completed(tmp_path)
    more = Record('c', 'c.png', '4' * 64)
    for rank in (2, 10):
        interrupted(tmp_path, [replace(more, name=f'c{rank}')], rank)
    assert folder.finished() == by_made_from(
        *RECORDS, replace(more, name='c2'), replace(more, name='c10'))


@pytest.mark.parametrize('ranks', [(0, 1), (1, 0), (2, 10), (10, 2), (0, 0)])
def test_what_an_image_was_does_not_hide_what_it_is(tmp_path, ranks):
    """It was changed between two interrupted runs; the second had another number of ranks."""
    old = RECORDS[0]
    for rank, record in zip(ranks, [old, replace(old, lq_sha256='5' * 64)]):
        interrupted(tmp_path, [record], rank)
    for wanted in (old.made_from, replace(old, lq_sha256='5' * 64).made_from):
        assert PseudoGTFolder(tmp_path).finished()[wanted].made_from == wanted


@pytest.mark.parametrize('field', ['lq', 'lq_sha256', 'labels_sha256'])
def test_a_record_knows_what_it_was_made_from(field):
    record = RECORDS[0]
    assert replace(record, **{field: 'other'}).made_from != record.made_from
    assert replace(record, regions=9, area=9, mask_sha256='9').made_from == record.made_from


def test_a_torn_last_line_is_left_out_at_every_length(tmp_path):
    interrupted(tmp_path)
    path = tmp_path / '.journal-0.jsonl'
    whole = path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord('\n')]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        lines = sum(end <= length for end in ends)
        made_with, records = Journal.read(path)
        assert made_with == (MADE_WITH if lines else None)
        assert records == list(RECORDS[:max(lines - 1, 0)])
        journal = Journal(path, MADE_WITH)
        journal.add(Record('c', 'c.png', '4'))
        journal.close()
        assert Journal.read(path) == (MADE_WITH, [*records, Record('c', 'c.png', '4')])


def test_a_record_is_on_disk_as_soon_as_it_is_added(tmp_path):
    folder = PseudoGTFolder(tmp_path)
    folder.open_for_making(MADE_WITH)
    journal = folder.journal(0, MADE_WITH)
    for count in (1, 2):
        journal.add(RECORDS[count - 1])
        assert len(folder.finished()) == count
    journal.close()


@pytest.mark.parametrize('begin', [completed, interrupted])
def test_other_settings_are_refused_and_the_difference_is_named(tmp_path, begin):
    begin(tmp_path)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob('*')}
    other = dict(MADE_WITH, half=True, detector=dict(type='DeSRA', threshold=.6), tile=64)
    with pytest.raises(PseudoGTError, match='other weights or settings') as error:
        PseudoGTFolder(tmp_path).open_for_making(other)
    message = str(error.value)
    assert str(tmp_path) in message
    assert 'half: there False, now True' in message
    assert 'detector.threshold: there 0.7, now 0.6' in message
    assert 'tile: there None, now 64' in message
    assert 'gan_sha256' not in message
    assert before == {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob('*')}


def test_one_number_in_a_long_setting_is_named(tmp_path):
    """The class bins of the detector alone are 150 numbers."""
    bins = [0.] * 150
    folder = PseudoGTFolder(tmp_path)
    made_with = dict(detector=dict(class_bins=bins, threshold=.7))
    folder.open_for_making(made_with)
    folder.journal(0, made_with).close()
    for change, shown in [(dict(threshold=.65), 'detector.threshold: there 0.7, now 0.65'),
                          (dict(class_bins=[0.] * 149 + [7.]), 'detector.class_bins: there')]:
        with pytest.raises(PseudoGTError, match=shown):
            folder.open_for_making(dict(detector=dict(made_with['detector'], **change)))


def test_the_same_settings_are_taken_up(tmp_path):
    for _ in range(2):
        interrupted(tmp_path).open_for_making(json.loads(json.dumps(MADE_WITH)))


def test_a_rank_that_starts_leaves_the_others_at_work(tmp_path):
    folder = PseudoGTFolder(tmp_path)
    folder.open_for_making(MADE_WITH)
    with atomic_path(folder.gt_path('a')) as part:
        part.write_bytes(b'half')
        PseudoGTFolder(tmp_path).open_for_making(MADE_WITH)
        part.write_bytes(b'whole')
    assert folder.gt_path('a').read_bytes() == b'whole'


def test_what_killed_writers_left_is_gone_when_the_folder_is_complete(tmp_path):
    folder = interrupted(tmp_path)
    for place in (tmp_path, tmp_path / 'gt', tmp_path / 'mask'):
        (place / '.a.png.123.part').write_bytes(b'half')
    (tmp_path / 'gt' / 'mine.part').write_bytes(b'of a person')
    folder.complete(Manifest('/photos', MADE_WITH, RECORDS, {}))
    assert sorted(path.name for path in tmp_path.rglob('*') if path.is_file()) == [
        'manifest.json', 'mine.part']


def test_a_folder_without_manifest_is_an_error(tmp_path):
    for root in (tmp_path / 'missing', interrupted(tmp_path / 'interrupted').root):
        with pytest.raises(PseudoGTError, match=f'{root}: holds no manifest.json; .* interrupted'):
            PseudoGTFolder(root).read_manifest()


def change_manifest(root, change):
    content = json.loads((root / 'manifest.json').read_text())
    change(content)
    (root / 'manifest.json').write_text(json.dumps(content))


@pytest.mark.parametrize('version', [0, 2, '1', None])
def test_another_version_is_an_error(tmp_path, version):
    folder = completed(tmp_path)
    change_manifest(tmp_path, lambda content: content.update(version=version))
    with pytest.raises(PseudoGTError, match="expected 'mmdesra pseudo-GT folder' version 1, got "
                       f"'mmdesra pseudo-GT folder' version {version}"):
        folder.read_manifest()


@pytest.mark.parametrize('change', [
    lambda content: content.update(format='another'),
    *(lambda content, key=key: content.pop(key)
      for key in ('format', 'version', 'lq_dir', 'made_with', 'records', 'skipped')),
    lambda content: content.update(records=5),
    lambda content: content.update(records=['b']),
    lambda content: content.update(made_with=[1]),
    lambda content: content.update(skipped=['z.png']),
    lambda content: content['records'][0].pop('name'),
    lambda content: content['records'][0].update(colour='red'),
    lambda content: content['records'][0].update(name=5),
    lambda content: content['records'][0].update(regions='2'),
    lambda content: content['records'][0].update(area=True),
    lambda content: content['records'][0].update(mask_sha256=None),
    lambda content: content['records'][0].update(area=float('nan')),
    lambda content: content.update(lq_dir=5),
    lambda content: content.update(lq_dir=None),
    lambda content: content.update(records=content['records'] * 2),
])
@pytest.mark.parametrize('use', [lambda folder: folder.read_manifest(),
                                 lambda folder: folder.finished(),
                                 lambda folder: folder.open_for_making(MADE_WITH)])
def test_a_damaged_manifest_is_an_error(tmp_path, change, use):
    folder = completed(tmp_path)
    change_manifest(tmp_path, change)
    with pytest.raises(PseudoGTError, match='manifest.json: (is damaged|expected)'):
        use(folder)


@pytest.mark.parametrize('content', [b'', b'{', b'[]', b'null', b'5', b'"text"', b'\xff\xfe',
                                     b'PNG', b'[' * 100_000, b'{"a":' * 100_000])
def test_a_manifest_that_is_none_is_an_error(tmp_path, content):
    folder = completed(tmp_path)
    (tmp_path / 'manifest.json').write_bytes(content)
    with pytest.raises(PseudoGTError, match='manifest.json: is damaged'):
        folder.read_manifest()


@pytest.mark.parametrize('name', ['gt', 'mask', 'gt/b.png', 'mask/b.png'])
@pytest.mark.parametrize('use', [lambda folder: folder.read_manifest(),
                                 lambda folder: folder.finished(),
                                 lambda folder: folder.open_for_making(MADE_WITH)])
def test_a_folder_does_not_lead_to_files_elsewhere(tmp_path, name, use):
    """A folder unpacked from an archive must not have a person's pictures read or replaced."""
    (tmp_path / 'pictures').mkdir()
    (tmp_path / 'pictures' / 'b.png').write_bytes(b'mine')
    folder = completed(tmp_path / 'folder')
    path = folder.root / name
    if path.is_dir():
        path.rmdir()
    path.symlink_to(tmp_path / 'pictures' / ('b.png' if path.suffix else ''))
    with pytest.raises(PseudoGTError, match=f'{name}: expected .* in the folder itself, got a '
                       f'link to {tmp_path}/pictures'):
        use(folder)


EVIL = ['../../etc/passwd', '/etc/passwd', 'x/../../a', 'x//a', 'a/..', './a', '..', '.', '',
        'a/', 'a\0']


@pytest.mark.parametrize('name', EVIL)
@pytest.mark.parametrize('field', ['name', 'lq'])
def test_a_record_cannot_name_a_file_elsewhere(tmp_path, name, field):
    entry = asdict(replace(RECORDS[0], **{field: name}))
    folder = completed(tmp_path / 'complete')
    change_manifest(folder.root, lambda content: content.update(records=[entry]))
    with pytest.raises(PseudoGTError, match='damaged .*plain file name'):
        folder.read_manifest()
    folder = interrupted(tmp_path / 'interrupted')
    with (folder.root / '.journal-0.jsonl').open('a') as journal:
        journal.write(json.dumps(entry) + '\n')
    with pytest.raises(PseudoGTError, match='damaged .*plain file name'):
        folder.finished()


@pytest.mark.parametrize('position, line', [
    *((position, line) for position in (0, 1) for line in (b'PNG', b'[1]', b'null', b'\xff', b'')),
    (1, b'[]'), (1, b'{"name": "a"}')])
def test_a_journal_damaged_before_its_end_is_an_error(tmp_path, line, position):
    folder = interrupted(tmp_path)
    path = tmp_path / '.journal-0.jsonl'
    lines = path.read_bytes().split(b'\n')
    lines[position] = line
    path.write_bytes(b'\n'.join(lines))
    for use in (folder.finished, lambda: folder.open_for_making(MADE_WITH),
                lambda: folder.journal(0, MADE_WITH)):
        with pytest.raises(PseudoGTError, match='journal-0.jsonl: is damaged .* delete it'):
            use()


def test_an_output_that_cannot_be_is_an_error(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='file/out: cannot write into this folder'):
        PseudoGTFolder(tmp_path / 'file/out').open_for_making(MADE_WITH)
