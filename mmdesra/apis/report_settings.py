"""What a report says of the run that it is of: its settings, and what they mean."""
from __future__ import annotations

from .result_writer import ResultWriter

WORDS = {
    'form': 'How the two local standard deviations are compared. "released": as in the code that '
            'the authors have released, 1 where both images are flat; "printed": as in their '
            'paper, which takes flat ground for an artifact.',
    'threshold': 'Where artifacts begin, in the unit of the map.',
    'min_area': 'Regions up to this area are dropped.',
    'semantic step': 'Whether the map is weighted by what the image shows in a place (sky, '
                     'grass …), which a segmenter says; off: it is not.',
    'MSE-SR': 'The mean of what the MSE-trained generator makes of the turned image, turned back; '
              'from the fifth pass on the image is mirrored, too.',
    'in place of MSE-SR': 'There was no MSE-trained generator; this is what its image is made '
                          'of.',
}
"""Explanations of settings, by the words that the report has for them."""


def report_settings(writer: ResultWriter) -> list[tuple[str, object]]:
    """Return (label, value) pairs of a run's settings."""
    detector, labels = writer.detector, writer.labels
    settings = dict(detector.describe())
    settings.pop('type', None)  # in the title
    settings.pop('class_bins', None)  # 150 numbers; detections.json has them
    if writer.pairs.get('reference'):
        settings['in place of MSE-SR'] = ', '.join(
            f'{name} {value}' for name, value in writer.pairs['reference'].items()
            if name in ('type', 'passes'))
    passes = (writer.pairs.get('partner') or {}).get('passes', 1)
    if passes > 1:
        settings['MSE-SR'] = f'mean of {passes} passes'
    if detector.uses_labels:
        settings['semantic step'] = type(labels).__name__ if labels else 'off'
    return list(settings.items())


def report_words(settings: list[tuple[str, object]]) -> list[tuple[str, str]]:
    """Return (word, explanation) pairs of those of the settings that are explained."""
    return [(label, WORDS[label]) for label, _ in settings if label in WORDS]
