"""Reading and writing files: images, masks, configs, JSON records, tables."""
from .atomic import (
    atomic_path,
    make_output_folder,
    remove_parts,
    write_bytes,
    write_text,
    write_weights,
)
from .image_folder import ImageFolder
from .image_path import image_name, shown_name
from .images import (
    IMAGE_SUFFIXES,
    ImageError,
    read_image,
    read_labels,
    read_mask,
    size_of,
    write_image,
    write_map,
    write_mask,
)
from .in_background import in_background
from .listing import collect_images, list_images, list_inputs

__all__ = ['IMAGE_SUFFIXES', 'ImageError', 'ImageFolder', 'atomic_path', 'collect_images',
           'image_name', 'in_background', 'list_images', 'list_inputs',
           'make_output_folder', 'read_image', 'read_labels', 'read_mask', 'remove_parts',
           'shown_name', 'size_of', 'write_bytes', 'write_image', 'write_map', 'write_mask',
           'write_text', 'write_weights']
