"""What benchmarks and reproductions share: a file for each step from images to a table.

==========  =====================================================================================
images      large images, put together from the pairs that there are
turns       several ways of doing one thing measured in turns; quartiles
clock       seconds and memory of one call, on a CPU or a GPU
kept        results of long runs, which are not repeated
machine     what the figures were measured on
report      a Markdown table for people, a JSON file for programs
==========  =====================================================================================
"""
