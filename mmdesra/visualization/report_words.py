"""What the words of a report mean, for somebody who sees one for the first time."""
from __future__ import annotations

WORDS = tuple(dict(
    LR='The small image that was enlarged (low resolution).',
    **{'MSE-SR': 'The image enlarged by the reference: a generator trained on pixel errors alone, '
                 'which blurs fine texture but invents none. What is compared with.',
       'GAN-SR': 'The image enlarged by the generator that is looked at, trained against a '
                 'discriminator. It paints texture, and sometimes a wrong one.'},
    Map='What the detector says of each pixel, in its own unit; the colour bar shows where '
        'artifacts begin.',
    Mask='The artifacts that were found: pixels beyond the threshold, cleaned, in regions that '
         'are not too small.',
    Share="Artifact pixels, in percent of the image's pixels.",
    Strength='How much more texture the regions have than the MSE-SR image in the same place: '
             'the local standard deviation of GAN-SR less that of MSE-SR, where it is larger, '
             'averaged over the pixels of the regions, in grey levels of 255.',
).items())
"""(word, explanation) pairs that every report has."""
