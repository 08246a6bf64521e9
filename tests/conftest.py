from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine may take its time over an example. What CI=1 sets otherwise stays.
settings.register_profile('patient', deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('patient')
