"""What is in a bundle, for programs (MANIFEST.json) and for people (MANIFEST.md)."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Write both into a folder."""
    (folder / 'MANIFEST.json').write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
    (folder / 'MANIFEST.md').write_text(to_markdown(content), encoding='utf-8')


def to_markdown(content: dict[str, Any]) -> str:
    """Return the page."""
    lines = [
        '# mmdesra, to be installed without a network', '',
        '`bash install.sh` installs it into the Python that runs; `--help` says where else.',
        '`python check_gpu/tools/check_gpu.py` then checks and measures it on a GPU.', '',
        f'For Python {content["python"]} on {content["platform"]}'
        + ''.join(f', {title} {content[name]}' for name, title in
                  (('torch', 'PyTorch'), ('numpy', 'NumPy')) if content[name])
        + f'. Made {content["made"]}'
        + (f' from commit {content["commit"]}' if content['commit'] else '') + '.', '',
        '| package | version | MiB | licence | sha256 of the wheel |',
        '| --- | --- | ---: | --- | --- |']
    lines += [f'| {one["name"]} | {one["version"]} | {one["bytes"] / 2**20:.2f} | '
              f'{one["license"]} | `{one["sha256"]}` |' for one in content['packages']]
    lines += ['', 'Licences are as the packages state them; their texts are in the wheels.', '',
              '## Counted on, because the node has it', '',
              *(f'- {name}' + (f' (as {other})' if other not in (name, '') else '')
                for name, other in content['counted_on'].items())]
    if content['left_out']:
        lines += ['', '## Not in it', '',
                  *(f'- {name}: {missing}' for name, missing in content['left_out'].items())]
    if content['added']:
        lines += ['', '## Added files', '', '| file | sha256 |', '| --- | --- |',
                  *(f'| {name} | `{digest}` |' for name, digest in content['added'].items())]
    return '\n'.join(lines) + '\n'
