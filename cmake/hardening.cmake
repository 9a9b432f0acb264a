# SPDX-License-Identifier: MIT
# What every object is compiled with that ends in a program or library of ours: they read what strangers made, some of them as
# root. For all targets of the directories that are added after hardening_begin() and before hardening_end(); the programs
# of tests and examples come later, since they are to crash as they would anywhere. tests/hardening.py looks for the
# effects in the objects. The kernel side (bpf/) is compiled by clang, by its own command, and knows nothing of this.
#
# Control flow protection needs marks in every object of a link (.note.gnu.property), and start files that lack them are a
# distribution's own: the linker is never told to set the mark in spite of them (-z ibt, -z shstk), which would only make
# such a program die where it is enforced.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)
include(CheckPIESupported)

macro(hardening_begin)
  get_property(hardening_plain_compile DIRECTORY PROPERTY COMPILE_OPTIONS)
  get_property(hardening_plain_link DIRECTORY PROPERTY LINK_OPTIONS)
  check_pie_supported(LANGUAGES C)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  # Static libraries get -fPIC, for those of them that a shared library takes in; nobody interposes their functions.
  add_compile_options(-fno-semantic-interposition)
  # A sanitizer brings its own checks, and knows nothing of the fortified functions.
  if(NOT CORELATE_SANITIZE)
    # Each belongs to some compilers and processors only.
    foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard)
      string(MAKE_C_IDENTIFIER "have${flag}" have)
      check_c_compiler_flag("${flag} -Werror" ${have})
      if(${have})
        add_compile_options(${flag})
      endif()
    endforeach()
    # Level 3 needs __builtin_dynamic_object_size, and a C library that uses it. Without optimisation glibc warns.
    set(CMAKE_REQUIRED_FLAGS "-O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3")
    check_c_source_compiles("
      #include <stdio.h>
      #if !defined(__USE_FORTIFY_LEVEL) || __USE_FORTIFY_LEVEL < 3
      #error level 3 is not known
      #endif
      int main(void) { return 0; }" have_fortify_3)
    unset(CMAKE_REQUIRED_FLAGS)
    if(have_fortify_3)
      set(hardening_fortify 3)
    else()
      set(hardening_fortify 2)
    endif()
    # Two options of one generator expression would be one word.
    add_compile_options($<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
                        $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=${hardening_fortify}>)
  endif()
  add_link_options(LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
endmacro()

macro(hardening_end)
  set_property(DIRECTORY PROPERTY COMPILE_OPTIONS "${hardening_plain_compile}")
  set_property(DIRECTORY PROPERTY LINK_OPTIONS "${hardening_plain_link}")
  unset(CMAKE_POSITION_INDEPENDENT_CODE)
endmacro()
