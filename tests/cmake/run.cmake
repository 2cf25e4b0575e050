# For the check_*.cmake: runs a command that has to end well, or one that has to be refused.

# run(command...): ends with what it printed if it fails; sets `printed`.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nended with ${status}:\n${output}")
  endif()
  set(printed "${output}" PARENT_SCOPE)
endfunction()

# refuses(sentence command...): it fails, and says the sentence, however CMake breaks it.
function(refuses sentence)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  string(FIND "${output}" "${sentence}" at)
  if(status EQUAL 0 OR at EQUAL -1)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nended with ${status}, and has to fail with "
                        "'${sentence}':\n${output}")
  endif()
endfunction()
