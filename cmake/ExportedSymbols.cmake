# Reads the list of exported symbols, for the version script and for its test.

# Sets `variable` to the list, with or without the Linux port's symbols.
function(iot_coap_read_exported_symbols variable file with_port)
  file(STRINGS ${file} symbols REGEX "^[A-Za-z]")
  if(NOT with_port)
    list(FILTER symbols EXCLUDE REGEX "^HAL_")
  endif()
  set(${variable} ${symbols} PARENT_SCOPE)
endfunction()
