# SPDX-License-Identifier: MIT
# What Debian wants otherwise than cmake --install makes it; run by CPack on the tree that it is about to pack.
set(root "${CPACK_TEMPORARY_DIRECTORY}")
set(doc "${root}/usr/share/doc/corelate")
file(COPY "${CPACK_CORELATE_DEBIAN}/copyright" DESTINATION "${doc}" FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(REMOVE "${doc}/LICENSE")
file(COPY "${CPACK_CORELATE_DEBIAN}/changelog" DESTINATION "${doc}" FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(GLOB texts "${doc}/changelog" "${root}/usr/share/man/man*/*")
# -n: no time in it, so that two packages of one tree are the same.
execute_process(COMMAND gzip -9n ${texts} COMMAND_ERROR_IS_FATAL ANY)
