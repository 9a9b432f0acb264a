# SPDX-License-Identifier: MIT
# Writes a C file that holds every migration as an array of bytes, which unlike a string literal may have any length.
# cmake -D DIRECTORY=(with NNN-name.sql) -D OUTPUT=(file to write) -P embed_sql.cmake

file(GLOB migrations "${DIRECTORY}/*.sql")
list(SORT migrations COMPARE NATURAL)

set(arrays "")
set(rows "")
set(number 0)
foreach(migration IN LISTS migrations)
  math(EXPR number "${number} + 1")
  get_filename_component(name "${migration}" NAME)
  # user_version counts the migrations, so that a missing number would shift the meaning of all later ones.
  if(NOT name MATCHES "^0*${number}-[a-z0-9-]+\\.sql$")
    message(FATAL_ERROR "${migration}: expected the migration number ${number}")
  endif()
  file(READ "${migration}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "static const unsigned char migration_${number}[] = {${bytes}0};\n")
  string(APPEND rows "\t{\"${name}\", (const char *)migration_${number}},\n")
endforeach()
if(number EQUAL 0)
  message(FATAL_ERROR "${DIRECTORY}: no migrations")
endif()

file(WRITE "${OUTPUT}" "#include \"schema/migrate.h\"\n\n${arrays}\n\
const struct store_migration store_migrations[] = {\n${rows}};\n\
const int store_migration_count = ${number};\n")
