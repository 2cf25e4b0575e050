# Reads the list of exported symbols, for the version script and for its test.

# Sets `variable` to the list, with or without the Linux port's symbols, each as
# symbol@@version.
function(iot_coap_read_exported_symbols variable file with_port)
  file(READ ${file} text)
  string(REGEX REPLACE "#[^\n]*" "" text "${text}")
  # A list does not end within brackets.
  string(REGEX REPLACE "\\[([^\n]*)\\]" "version:\\1" text "${text}")
  string(REGEX MATCHALL "[^ \n]+" words "${text}")
  set(symbols "")
  foreach(word IN LISTS words)
    if(word MATCHES "^version:(.*)")
      set(version ${CMAKE_MATCH_1})
    elseif(with_port OR NOT word MATCHES "^HAL_")
      list(APPEND symbols ${word}@@${version})
    endif()
  endforeach()
  set(${variable} ${symbols} PARENT_SCOPE)
endfunction()

# Sets `variable` to the version script for such symbols: each version contains the one
# before it.
function(iot_coap_make_version_script variable)
  set(script "")
  set(version "")
  set(before "")
  set(hide "  local:\n    *;\n")
  foreach(symbol IN LISTS ARGN)
    string(REGEX MATCH "(.*)@@(.*)" symbol ${symbol})
    if(NOT CMAKE_MATCH_2 STREQUAL version)
      if(version)
        string(APPEND script "${hide}}${before};\n")
        set(hide "")
        set(before " ${version}")
      endif()
      set(version ${CMAKE_MATCH_2})
      string(APPEND script "${version} {\n  global:\n")
    endif()
    string(APPEND script "    ${CMAKE_MATCH_1};\n")
  endforeach()
  set(${variable} "${script}${hide}}${before};\n" PARENT_SCOPE)
endfunction()
