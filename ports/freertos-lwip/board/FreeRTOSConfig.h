/*
 * The kernel, for the emulated mps2-an385 with its Cortex-M3 at 25 MHz. What matters to
 * the library is in ../README.md.
 */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#define configCPU_CLOCK_HZ 25000000u
#define configTICK_RATE_HZ ((TickType_t)1000)
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_32_BITS
/* Where the clock starts, so that a run can see it wrap. */
#ifdef CLOCK_START
#define configINITIAL_TICK_COUNT CLOCK_START
#endif
#define configUSE_PREEMPTION 1
#define configUSE_TIME_SLICING 1
#define configMAX_PRIORITIES 8
#define configMINIMAL_STACK_SIZE 128 /* words */
#define configMAX_TASK_NAME_LEN 12

#define configSUPPORT_STATIC_ALLOCATION 0
#define configSUPPORT_DYNAMIC_ALLOCATION 1
#define configTOTAL_HEAP_SIZE (80 * 1024)
#define configUSE_MALLOC_FAILED_HOOK 1

#define configUSE_MUTEXES 1
#define configUSE_RECURSIVE_MUTEXES 1
#define configUSE_COUNTING_SEMAPHORES 1
#define configUSE_TASK_NOTIFICATIONS 1
#define configUSE_TIMERS 0
/* errno of its own for each task. */
#define configUSE_NEWLIB_REENTRANT 1

#define INCLUDE_vTaskDelay 1
#define INCLUDE_vTaskDelete 1
#define INCLUDE_vTaskSuspend 1
#define INCLUDE_eTaskGetState 1
#define INCLUDE_uxTaskGetStackHighWaterMark 1
#define INCLUDE_xTaskGetCurrentTaskHandle 1
#define INCLUDE_xTaskGetSchedulerState 1
#define INCLUDE_xTaskGetHandle 1

#define configUSE_IDLE_HOOK 0
#define configUSE_TICK_HOOK 0
#define configCHECK_FOR_STACK_OVERFLOW 2
#define configCHECK_HANDLER_INSTALLATION 1

void board_stop(const char *why, const char *file, int line);
#define configASSERT(condition)                                                           \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            board_stop(#condition, __FILE__, __LINE__);                                   \
        }                                                                                 \
    } while (0)

/* Interrupts of a number below this one's may not call the kernel. */
#define configKERNEL_INTERRUPT_PRIORITY 255
#define configMAX_SYSCALL_INTERRUPT_PRIORITY (5 << 5)

/* As the vectors of ../../../firmware/board/start.c name them. */
#define vPortSVCHandler board_supervisor_call
#define xPortPendSVHandler board_pending_call
#define xPortSysTickHandler board_tick

#endif
