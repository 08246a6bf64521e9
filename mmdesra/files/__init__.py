"""Files: images in and out, atomic writes."""
from .atomic import (
    atomic_path,
    make_output_folder,
    remove_parts,
    write_bytes,
    write_text,
    write_weights,
)
from .images import (
    IMAGE_SUFFIXES,
    ImageError,
    collect_images,
    find_by_stem,
    list_images,
    read_image,
    read_labels,
    read_mask,
    size_of,
    write_image,
    write_map,
    write_mask,
)
from .in_background import in_background

__all__ = ['IMAGE_SUFFIXES', 'ImageError', 'atomic_path', 'collect_images', 'find_by_stem',
           'in_background', 'list_images', 'make_output_folder', 'read_image', 'read_labels',
           'read_mask', 'remove_parts', 'size_of', 'write_bytes', 'write_image', 'write_map',
           'write_mask', 'write_text', 'write_weights']
