"""The manifest of an artifact benchmark: what was put where."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import InputError
from ..files.records import parse_json, plain_path, to_record
from ..files.tables import write_json

MANIFEST_NAME = 'manifest.json'


@dataclass(frozen=True)
class PlacedArtifact:
    """An artifact with known place and strength.

    Attributes:
        kind (str): One of :data:`mmdesra.ops.artifact_textures.TEXTURES`.
        strength (float): Root mean square of what was added, in 8-bit levels, as asked.
        strength_left (float): The same after clipping to [0, 255] and rounding.
        content (str): What lies under it: 'smooth', 'medium', 'textured', or 'mixed'.
        local_std (float): Mean local standard deviation of the MSE-SR under it.
        area (int): In px.
        row (int): Of a pixel of it; with ``column`` it names its region in the mask.
        column (int): Of the same pixel.
        parameters (dict): What was drawn for its texture.
    """
    kind: str
    strength: float
    strength_left: float
    content: str
    local_std: float
    area: int
    row: int
    column: int
    parameters: dict = field(default_factory=dict)


@dataclass(frozen=True)
class BenchmarkImage:
    """An image of a benchmark; without artifacts it is a true negative.

    Attributes:
        name (str): In ``gan/``, ``mse/`` and ``gt/``, without suffix.
        source (str): File name of the pair that it is made from.
        artifacts (tuple[PlacedArtifact, ...]): What was put into it.
    """
    name: str
    source: str
    artifacts: tuple[PlacedArtifact, ...] = ()


@dataclass(frozen=True)
class BenchmarkManifest:
    """What a benchmark is made of.

    Attributes:
        settings (dict): What decides its content.
        images (tuple[BenchmarkImage, ...]): In the order of their making.
        clean_pairs (tuple[dict, ...]): The pairs taken as clean, with the area that each
            detector of the choice marks in them.
        skipped (dict[str, str]): Pairs that could not be used, and why.
    """
    settings: dict
    images: tuple[BenchmarkImage, ...]
    clean_pairs: tuple[dict, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)

    def write(self, folder: str | Path) -> None:
        """Write it into a benchmark's folder."""
        write_json(Path(folder) / MANIFEST_NAME, asdict(self))

    @classmethod
    def read(cls, folder: str | Path) -> BenchmarkManifest:
        """Read it from a benchmark's folder.

        Raises:
            InputError: If there is none, or it is another file.
        """
        path = Path(folder) / MANIFEST_NAME
        try:
            content = parse_json(path.read_text(encoding='utf-8'))
            images = tuple(
                BenchmarkImage(plain_path(image['name']), str(image['source']), tuple(
                    to_record(PlacedArtifact, artifact) for artifact in image['artifacts']))
                for image in content['images'])
            if len({image.name for image in images}) < len(images):
                raise ValueError('an image is in it twice')
            return cls(content['settings'], images, tuple(content['clean_pairs']),
                       content['skipped'])
        except FileNotFoundError as error:
            raise InputError(f'{path}: no such file; expected the folder of a benchmark, as '
                             '`mmdesra make-artifact-benchmark` makes it') from error
        except (KeyError, TypeError, ValueError) as error:
            reason = f'{error} is missing' if isinstance(error, KeyError) else error
            raise InputError(f'{path}: expected the manifest of an artifact benchmark ({reason})'
                             ) from error
