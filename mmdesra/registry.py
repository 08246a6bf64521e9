"""The scope `mmdesra` in mmengine's registries, imported by mmengine when it meets that scope.

mmengine stamps the dicts of a config that is inherited as `mmdesra::...` with the scope `mmdesra`
and builds them in the registries of that scope. Our configs also name types of MMagic, so each of
these registries is a child of MMagic's, and thereby of mmengine's, where our own types are.
Without MMagic they are children of mmengine's. Nothing else is registered in them.
"""

from __future__ import annotations

from contextlib import suppress

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

SCOPE = 'mmdesra'


def add_scope() -> None:
    """Adds a registry of our scope under each of mmengine's, unless it is there already."""
    with suppress(ModuleNotFoundError):
        import mmagic.registry  # noqa: F401  (adds the scope `mmagic`)
    for root in vars(mmengine_registry).values():
        if isinstance(root, Registry) and SCOPE not in root.children:
            parent = root.children.get('mmagic', root)
            if SCOPE not in parent.children:
                # A child's look-up reads its parents' tables without having them filled, so it
                # takes over the modules that fill MMagic's. mmengine has no public name for them.
                Registry(root.name, parent=parent, scope=SCOPE, locations=parent._locations)


add_scope()
