# SPDX-License-Identifier: MIT
# Writes a C file that holds every query of a directory as an array of bytes, by name.
# cmake -D DIRECTORY=(with NAME.sql) -D ARRAY=(its name) -D OUTPUT=(file to write) -P embed_queries.cmake

file(GLOB queries RELATIVE "${DIRECTORY}" "${DIRECTORY}/*.sql")
list(TRANSFORM queries REPLACE "\\.sql$" "")
list(SORT queries)

set(arrays "")
set(rows "")
set(number 0)
foreach(name IN LISTS queries)
  math(EXPR number "${number} + 1")
  if(NOT name MATCHES "^[a-z][a-z0-9-]*$")
    message(FATAL_ERROR "${name}: a query's name is of small letters, digits and dashes")
  endif()
  file(READ "${DIRECTORY}/${name}.sql" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "static const unsigned char query_${number}[] = {${bytes}0};\n")
  string(APPEND rows "\t{\"${name}\", (const char *)query_${number}},\n")
endforeach()
if(number EQUAL 0)
  message(FATAL_ERROR "${DIRECTORY}: no queries")
endif()

file(WRITE "${OUTPUT}" "#include \"schema/sql_embedded.h\"\n\n${arrays}\n\
const struct store_query ${ARRAY}[] = {\n${rows}};\n\
const int ${ARRAY}_count = ${number};\n")
