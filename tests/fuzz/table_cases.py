"""Cases about text files: class tables, study answers, configs, and the figures of a run."""
from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

from mmdesra.apis.detector_options import read_detector
from mmdesra.apis.study_answers import COLUMNS, read_answers
from mmdesra.apis.study_tally import tally
from mmdesra.detectors import BaseDetector, build_detector
from mmdesra.detectors.class_table import ClassTable

from .damage import NOT_WHAT_THE_NAME_SAYS, Rng, chance, damage_json, damage_text, pick
from .judge import REFUSED, RIGHT, ask, check, check_message


def class_table_case(rng: Rng, folder: Path) -> str:
    """A class table, mostly damaged."""
    rows = [f'{number},{pick(rng, ("sky", "tree ", "a b", "Ünï"))}{number},'
            f'{pick(rng, (0, 1, 11, 2.5, -3, 19.9))}' for number in range(int(rng.integers(1, 9)))]
    head = pick(rng, ('', '# a comment\n')) + 'index,class,bin\n'
    text = head + '\n'.join(rows) + '\n'
    whole = chance(rng, .15)
    path = folder / 'classes.csv'
    path.write_bytes(text.encode() if whole else damage_text(rng, text))
    table = ask(lambda: ClassTable.load(path), path)
    known = _rows(path.read_bytes())
    check(len(known) == len(table.names) == len(table.bins), 'rows are missing')
    for number, (row, name, value) in enumerate(zip(known, table.names, table.bins)):
        check((int(row['index']), row['class'].strip(), float(row['bin']))
              == (number, name, value), f'row {number} is wrong')
        check(math.isfinite(value) and value < 20, f'bin {value}')
    check(bool(table.weights.isfinite().all()), 'weights are not finite')
    check(not whole or [f'{number},' for number in range(len(rows))]
          == [row[:row.index(',') + 1] for row in rows], 'a whole table was changed')
    return RIGHT


def _rows(content: bytes) -> list[dict]:
    lines = [line for line in content.decode('utf-8-sig').splitlines()
             if line and not line.startswith('#')]
    return list(csv.DictReader(lines))


def answers_case(rng: Rng, folder: Path) -> str:
    """One or two participants' files of a study, damaged."""
    paths = []
    for person in range(int(rng.integers(1, 3))):
        lines = [','.join(COLUMNS)]
        for image in range(int(rng.integers(1, 7))):
            sides = ('before', 'after') if chance(rng, .5) else ('after', 'before')
            lines.append(','.join((f'p{person}', 'study-1', 'after vs before', f'image{image}',
                                   *sides, pick(rng, ('left', 'right', 'none')),
                                   f'{rng.random() * 20:.2f}', pick(rng, '0001'))))
        paths.append(folder / f'answers{person}.csv')
        text = '\n'.join(lines) + '\n'
        whole = chance(rng, .2)
        paths[-1].write_bytes(text.encode() if whole else damage_text(rng, text))
    answers = ask(lambda: read_answers(paths), *paths)
    for problem in answers.problems:
        check_message(problem, *paths)
    known = [row for path in paths for row in _answer_rows(path.read_bytes())]
    for answer in answers.answers:
        check(any(_is(answer, row) for row in known), f'nobody gave the answer {answer}')
    result = ask(lambda: tally(answers), 'expected answers')
    counted = sum(share.count for pair in result.pairs for share in pair.choices.values())
    check(counted == sum(not answer.repeat for answer in answers.answers),
          f'{counted} answers were counted')
    return REFUSED if answers.problems else RIGHT


def _answer_rows(content: bytes) -> list[dict]:
    try:
        text = content.decode('utf-8-sig')
    except UnicodeDecodeError:
        return []
    head = text.partition('\n')[0]
    return list(csv.DictReader(io.StringIO(text, newline=''),
                               delimiter=',' if ',' in head else ';'))


def _is(answer, row: dict) -> bool:
    cells = {name: (row.get(name) or '').strip() for name in COLUMNS}
    return all(cells[name] == str(getattr(answer, name)) for name in COLUMNS
               if name not in ('seconds', 'repeat')) and 0 <= answer.seconds < math.inf


CODE = ('!!python/object/apply:os.system ["touch CANARY"]',
        'a: !!python/object/apply:os.mkdir [CANARY]', 'a: !!python/name:os.system',
        '{type: !!python/module:os}')


def config_case(rng: Rng, folder: Path) -> str:
    """A detector's config as JSON or YAML, damaged; one with code in it must not run it."""
    config = dict(detector=dict(
        type=pick(rng, ('DeSRA', 'LDLStar', 'SSIM', 'TextureDifference')),
        threshold=float(rng.random()), min_area=pick(rng, ('0.4%', '100', 4000))))
    path = folder / f'detector{pick(rng, (".json", ".yaml", ".yml"))}'
    canary = folder / 'canary'
    if chance(rng, .15):
        path.write_text(json.dumps(config))
    elif chance(rng, .2):
        path.write_text(pick(rng, CODE).replace('CANARY', str(canary)))
    elif chance(rng, .1):
        path.write_bytes(pick(rng, NOT_WHAT_THE_NAME_SAYS))
    else:
        path.write_bytes(damage_json(rng, config))  # JSON is YAML
    try:
        spec = ask(lambda: read_detector(str(path)), path)
        # Its message names the setting; the tool's user has just given the file.
        detector = ask(lambda: build_detector(spec), 'expected', 'detector')
    finally:
        check(not canary.exists(), 'code in the file was run')
    check(isinstance(detector, BaseDetector) and math.isfinite(detector.threshold), 'no detector')
    content = json.loads(path.read_text()) if path.suffix == '.json' else None
    if content:
        written = content.get('detector', content)
        check('threshold' not in written or detector.threshold == written['threshold'],
              'the threshold is another')
    return RIGHT
