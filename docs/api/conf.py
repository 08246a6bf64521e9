"""Sphinx: the API pages, built from the docstrings by tools/project/build_docs.sh."""
from __future__ import annotations

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

import mmdesra  # mends what MMagic needs before autodoc imports it

project = 'mmdesra'
version = release = mmdesra.__version__
extensions = ['sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.viewcode']

# A room's page does not repeat what its modules' pages have.
autodoc_default_options = {'members': True, 'ignore-module-all': True}
autodoc_member_order = 'bysource'
autodoc_preserve_defaults = True
autodoc_typehints_format = 'short'
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # else each field of a dataclass is described twice
napoleon_preprocess_types = False
python_maximum_signature_line_length = 88
add_module_names = False

html_theme = 'furo'
html_title = f'mmdesra {version}'
html_copy_source = False
html_show_copyright = False
html_math_renderer = 'mathml'

logger = logging.getLogger(__name__)


def write_math(translator, node, display):
    """Formulas as MathML, which browsers know by themselves: no script, no network."""
    translator.body.append(convert(node.astext(), display=display))
    raise nodes.SkipNode


def keep_constant(app, what, name, obj, options, lines):
    """Before Napoleon: remember the docstring of a constant."""
    app.env.temp_data['docstring'] = list(lines)


def restore_constant(app, what, name, obj, options, lines):
    """After Napoleon, which takes what stands before a colon there for a type."""
    if what in ('data', 'attribute'):
        lines[:] = app.env.temp_data['docstring']
    elif what == 'property':  # its type stands in the line above
        lines[:] = [line for line in lines if not line.startswith(':type:')]


def find_by_short_name(app, env, node, content):
    """Link a name that a docstring gives without its module, or by the room that passes it on."""
    if node.get('refdomain') != 'py' or 'reftarget' not in node:
        return None
    room, _, name = node['reftarget'].lstrip('.').rpartition('.')
    if not room.startswith('mmdesra'):  # a method: Class.name
        room, name = '', node['reftarget'].lstrip('.')
    domain = env.domains.python_domain
    kinds = domain.objtypes_for_role(node['reftype'])
    matches = [full for full, item in domain.objects.items()
               if full.startswith(room) and full.endswith('.' + name) and item.objtype in kinds]
    if len(matches) == 1:
        return domain.resolve_xref(env, node['refdoc'], app.builder, node['reftype'], matches[0],
                                   node, content)
    if node['reftype'] in ('func', 'meth', 'data', 'mod') and not name.startswith('torch.'):
        logger.warning('%s: %s is no documented name of ours, or that of %d things',
                       node['reftype'], name, len(matches), location=node)
    return None


def setup(app):
    """Called by Sphinx."""
    app.add_html_math_renderer(
        'mathml',
        (lambda translator, node: write_math(translator, node, 'inline'), None),
        (lambda translator, node: write_math(translator, node, 'block'), None))
    app.connect('autodoc-process-docstring', keep_constant, priority=400)
    app.connect('autodoc-process-docstring', restore_constant, priority=600)
    app.connect('missing-reference', find_by_short_name)
