/*
 * The clock: milliseconds in 32 bits, as many ports have them, from the core's
 * own timer. Where it starts is CLOCK_START's to say, so that a run can see it
 * wrap.
 */
#include "board.h"
#include "iot_import.h"

#ifndef CLOCK_START
#define CLOCK_START 0
#endif

#define CORE_HZ 25000000u

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)

void board_tick(void);

static volatile uint32_t milliseconds = CLOCK_START;

void board_tick(void)
{
    milliseconds++;
}

void board_clock_start(void)
{
    SYST_RVR = CORE_HZ / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7; /* the core's clock, with interrupts */
}

uint64_t HAL_UptimeMs(void)
{
    return milliseconds;
}

void HAL_SleepMs(uint32_t ms)
{
    uint32_t start = milliseconds;

    while (milliseconds - start <= ms) {
        __asm__ volatile("wfi");
    }
}
