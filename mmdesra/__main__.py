"""``python -m mmdesra`` is the program `mmdesra`, also for ``torchrun -m mmdesra train ...``."""
from __future__ import annotations

from mmdesra_command import main

if __name__ == '__main__':
    main()
