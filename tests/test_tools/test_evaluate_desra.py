"""tools/evaluate_desra.py: the real command line, and its variants in this process."""
from __future__ import annotations

import csv
import json
import re
import shutil

import numpy as np
import pytest
from authors_data import make_authors_data, released_metrics
from command_lines import call, held_by_another_run, run
from toys import MIN_AREA

from mmdesra.detectors import ClassTable
from mmdesra.evaluation.mask_scores import MaskFolders, score_folders
from mmdesra.files import read_mask, write_image

FILES = ['fine_tuned.csv', 'images.csv', 'results.csv', 'results.json', 'results.md']


@pytest.fixture(scope='module')
def released(tmp_path_factory):
    """LDL with a fine-tuned result, and a model of another name."""
    root = make_authors_data(tmp_path_factory.mktemp('authors') / 'DeSRA-dataset')
    make_authors_data(root, 'MyGAN', count=2, seed=1)
    shutil.rmtree(root / 'MyGAN-DeSRA')
    return root


@pytest.fixture
def data(released, tmp_path):
    return shutil.copytree(released, tmp_path / 'data')


def evaluate(data, out, *options):
    return call('evaluate_desra.py', data, '--out', out, '--min-area', MIN_AREA, *options)


def read_table(path):
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def write_class_table(path, **changes):
    table = ClassTable.load()
    bins = {**dict(zip(table.names, table.bins)), **changes}
    path.write_text(''.join(f'{name}--{bins[name]:g}\n' for name in sorted(bins)))


def test_a_real_command_line(released, tmp_path):
    before = sorted(released.rglob('*'))
    done = run('evaluate_desra.py', released, '--out', tmp_path / 'out', '--min-area', MIN_AREA)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == FILES
    for line in (f'  human masks: {released}/LDL/GT-Mask (3)',
                 f'  fine-tuned, LDL-DeSRA: GAN-SR images: {released}/LDL-DeSRA/GAN-SR (3)',
                 'class table: the published one', 'PAL: the detector PAL needs'):
        assert line in done.stdout
    assert (tmp_path / 'out/results.md').read_text() in done.stdout + '\n'
    masks = [[read_mask(path) for path in sorted((released / f'LDL/{folder}').iterdir())]
             for folder in ('DeSRA-Mask', 'GT-Mask')]
    iou, precision, recall = released_metrics(*masks)
    assert re.search(rf'\| stored masks +\| +3 \| +{100 * iou:.1f} \| +{precision:.4f} \| '
                     rf'+{recall:.4f} \| +44.5 \| +0.6087 \| 0.5335 \|', done.stdout)
    assert re.search(r'\| LDLStar \(0.001\) .* 31.1 \| +0.1003 \| 0.8659 \|', done.stdout)
    assert re.search(r'\| PAL4Inpainting: not run \| +0 \| +- .* 8.8 \|', done.stdout)
    assert '| published: LDL-DeSRA |      - |        44.5 -> 13.9 |' in done.stdout
    assert "No figures were published of a model called 'MyGAN'." in done.stdout
    assert re.search(r'compare: +\d+%.*<', done.stderr) and 'LDL (1 of 2)' in done.stderr
    assert sorted(released.rglob('*')) == before  # nothing is written there


def test_the_files(released, tmp_path):
    assert evaluate(released, tmp_path) == 0
    rows = read_table(tmp_path / 'results.csv')
    names = ['stored masks', 'DeSRA', 'LDLStar (0.01)', 'LDLStar (0.005)', 'LDLStar (0.001)',
             'NIQE', 'SSIM', 'TextureDifference']
    assert [row['masks'] for row in rows if row['model'] == 'MyGAN'] == names
    ldl = {row['masks']: row for row in rows if row['model'] == 'LDL'}
    assert list(ldl) == [*names, 'PAL4Inpainting: not run']
    assert ldl['DeSRA']['published_iou'] == ldl['stored masks']['published_iou'] == '0.445'
    assert ldl['LDLStar (0.005)']['published_recall'] == '0.577'
    assert ldl['SSIM']['published_iou'] == '' and float(ldl['SSIM']['seconds_per_image']) > 0
    assert ldl['LDLStar (0.01)']['pred_px'] != ldl['LDLStar (0.001)']['pred_px']
    tuned, = read_table(tmp_path / 'fine_tuned.csv')
    assert (tuned['model'], tuned['fine_tuned'], tuned['images']) == ('LDL', 'LDL-DeSRA', '3')
    assert (tuned['published_removal_rate'], tuned['published_addition_rate']) == ('0.7497', '0')
    assert tuned['iou_before'] == ldl['DeSRA']['iou']
    images = read_table(tmp_path / 'images.csv')
    assert len([row for row in images if row['model'] == 'LDL']) == 3 * 2 + 3 * 5
    figures = json.loads((tmp_path / 'results.json').read_text())
    assert (figures['p'], figures['margin'], figures['min_area']) == (.5, 5, f'{MIN_AREA} px')
    assert figures['models'][0]['folders']['human masks'] == str(released / 'LDL/GT-Mask')
    assert set(figures['not_run']) >= {'DISTS', 'LPIPS', 'PAL'} and figures['left_out'] == []
    assert [row['masks'] for row in figures['scores']] == [row['masks'] for row in rows]


def test_masks_that_are_written_have_the_figures(released, tmp_path):
    assert evaluate(released / 'LDL', tmp_path, '--save-masks', '--no-rivals', '--detector',
                    'half=SSIM:threshold=0.5') == 0
    assert sorted(path.name for path in (tmp_path / 'mask/LDL').iterdir()) == ['DeSRA', 'half']
    for row in read_table(tmp_path / 'results.csv')[1:3]:
        scores = score_folders(MaskFolders(tmp_path / 'mask/LDL' / row['masks'],
                                           released / 'LDL/GT-Mask'), margin=5).scores
        assert (float(row['iou']), row['pred_px']) == (scores.iou, str(scores.pred_px))


def test_a_page_for_each_fine_tuned_model(data, tmp_path):
    assert evaluate(data, tmp_path / 'out', '--no-rivals', '--page') == 0
    page = (tmp_path / 'out/before_after_LDL_LDL-DeSRA.html').read_text()
    assert page.count('<article') == 3 and 'LDL-DeSRA beside LDL' in page
    (data / 'LDL/LR/image1.png').write_bytes(b'')
    assert evaluate(data, tmp_path / 'out', '--no-rivals', '--page') == 0
    assert (tmp_path / 'out/before_after_LDL_LDL-DeSRA.html').read_text().count('<article') == 2
    shutil.rmtree(data / 'LDL/LR')
    assert evaluate(data, tmp_path / 'none', '--no-rivals', '--page') == 0
    assert sorted(path.name for path in (tmp_path / 'none').iterdir()) == FILES


def test_label_maps_and_the_released_class_table(data, tmp_path, capsys):
    """What the released script left elsewhere is read as a second folder."""
    labels = np.full((160, 192), 26, np.uint8)  # sea
    (tmp_path / 'results/LDL/DeSRA/seg/sr').mkdir(parents=True)
    for path in (data / 'LDL/GAN-SR').iterdir():
        write_image(tmp_path / 'results/LDL/DeSRA/seg/sr' / path.name, labels)
    write_class_table(data / 'SSIM_MSE_GAN_threshold.txt')
    assert evaluate(data, tmp_path / 'out', '--no-rivals', tmp_path / 'results') == 0
    output = capsys.readouterr().out
    assert f'class table: {data}/SSIM_MSE_GAN_threshold.txt' in output
    assert '| DeSRA (with label maps) |' in output and '| DeSRA, no label maps ' in output
    rows = {row['masks']: row for row in read_table(tmp_path / 'out/results.csv')
            if row['model'] == 'LDL'}
    assert int(rows['DeSRA']['pred_px']) < int(rows['DeSRA, no label maps']['pred_px'])
    write_class_table(data / 'SSIM_MSE_GAN_threshold.txt', sea=0)  # sea is as strict as no class
    assert evaluate(data, tmp_path / 'out', '--no-rivals', tmp_path / 'results') == 0
    rows = {row['masks']: row for row in read_table(tmp_path / 'out/results.csv')
            if row['model'] == 'LDL'}
    assert rows['DeSRA']['pred_px'] == rows['DeSRA, no label maps']['pred_px']


def test_class_tables_that_differ(data, tmp_path, capsys):
    write_class_table(data / 'SSIM_MSE_GAN_threshold.txt')
    write_class_table(data / 'LDL/thresholds.txt')
    assert evaluate(data, tmp_path / 'out', '--no-rivals') == 0  # two copies of one table
    write_class_table(data / 'LDL/thresholds.txt', sea=1)
    assert evaluate(data, tmp_path / 'out', '--no-rivals') == 2
    assert 'several that differ: ' in capsys.readouterr().err
    assert evaluate(data, tmp_path / 'out', '--no-rivals', '--class-table',
                    data / 'LDL/thresholds.txt') == 0
    assert json.loads((tmp_path / 'out/results.json').read_text())['detectors']['DeSRA'][
        'class_bins'][26] == 1


def test_what_is_left_out_is_told(data, tmp_path, capsys):
    (data / 'LDL/GT-Mask/image1.png').write_bytes(b'')
    (data / 'LDL/DeSRA-Mask/image0.png').unlink()
    shutil.rmtree(data / 'MyGAN/GT-Mask')
    assert evaluate(data, tmp_path / 'out', '--no-rivals') == 1
    output = capsys.readouterr()
    assert f'  {data}/MyGAN/GAN-SR: GAN-SR images, but no human masks of MyGAN' in output.out
    assert 'Note: the stored masks are judged on 1 images, the detectors on 2, and 1 are the' in (
        output.out)
    assert re.search(r'left out: 6, see above', output.out)  # 4 folders, 2 images
    assert len(re.findall(r'left out: .*GT-Mask/image1.png: cannot be read', output.err)) == 1
    left_out = json.loads((tmp_path / 'out/results.json').read_text())['left_out']
    assert len(left_out) == 2


@pytest.mark.parametrize('prepare, options, message', [
    (lambda data: shutil.rmtree(data / 'LDL'), [], 'found no human masks'),
    (lambda data: None, ['--out', 'DATA'], 'is read by this command'),
    (lambda data: None, ['--detector', 'LPIPS'], 'LPIPS: expected backbone_weights'),
    (lambda data: None, ['--min-area', 'large'], 'large'),
    (lambda data: None, ['--class-table', 'nowhere.txt'], 'nowhere.txt: expected a class table'),
    (lambda data: (data / 'threshold.txt').write_text('0.7'), [], 'threshold.txt: expected the c'),
    (lambda data: None, ['--segmentor-checkpoint', 'x.pth'], 'give the segmenter'),
])
def test_bad_input_ends_in_one_line(data, tmp_path, capsys, prepare, options, message):
    shutil.rmtree(data / 'MyGAN')
    prepare(data)
    options = [str(data) if option == 'DATA' else option for option in options]
    assert evaluate(data, tmp_path / 'out', *options) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and re.search(message, error)


def test_nothing_could_be_judged(data, tmp_path, capsys):
    for path in data.rglob('GT-Mask/*'):
        path.write_bytes(b'')
    assert evaluate(data, tmp_path / 'out', '--no-rivals') == 2
    assert 'no image could be judged' in capsys.readouterr().out
    assert not (tmp_path / 'out').exists()


def test_results_may_lie_in_the_data(data, tmp_path):
    """The masks of an earlier run are no data."""
    for _ in range(2):
        assert evaluate(data, data / 'results', '--no-rivals', '--save-masks') == 0
    figures = json.loads((data / 'results/results.json').read_text())
    assert not figures['not_needed'] and len(figures['models']) == 2


def test_another_run_is_at_work(released, tmp_path, capsys):
    with held_by_another_run(tmp_path / 'out'):
        assert evaluate(released, tmp_path / 'out') == 2
    assert 'another run is at work' in capsys.readouterr().err
