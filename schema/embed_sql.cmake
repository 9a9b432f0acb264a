# SPDX-License-Identifier: MIT
# Writes a C file that holds every .sql file of a directory by its name, as an array of bytes, which unlike a string
# literal may have any length.
# cmake -D DIRECTORY= -D ARRAY=(its name, of struct embedded_sql) -D OUTPUT=(file to write) [-D NUMBERED=ON]
#       -P embed_sql.cmake
# NUMBERED: migrations, NNN-name.sql. user_version counts them, so that a missing number would shift the meaning of all
# later ones.

file(GLOB names RELATIVE "${DIRECTORY}" "${DIRECTORY}/*.sql")
list(TRANSFORM names REPLACE "\\.sql$" "")
if(NUMBERED)
  list(SORT names COMPARE NATURAL)
else()
  list(SORT names)
endif()

set(arrays "")
set(rows "")
set(number 0)
foreach(name IN LISTS names)
  math(EXPR number "${number} + 1")
  if(NUMBERED AND NOT name MATCHES "^0*${number}-[a-z0-9-]+$")
    message(FATAL_ERROR "${DIRECTORY}/${name}.sql: expected the migration number ${number}")
  elseif(NOT name MATCHES "^[a-z0-9][a-z0-9-]*$")
    message(FATAL_ERROR "${DIRECTORY}/${name}.sql: a name is of small letters, digits and dashes")
  endif()
  file(READ "${DIRECTORY}/${name}.sql" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "static const unsigned char sql_${number}[] = {${bytes}0};\n")
  string(APPEND rows "\t{\"${name}\", (const char *)sql_${number}},\n")
endforeach()
if(number EQUAL 0)
  message(FATAL_ERROR "${DIRECTORY}: no SQL")
endif()

file(WRITE "${OUTPUT}" "#include \"schema/sql_embedded.h\"\n\n${arrays}\n\
const struct embedded_sql ${ARRAY}[] = {\n${rows}};\n\
const int ${ARRAY}_count = ${number};\n")
