/* A program that calls the library, and nothing of its port. */
void library(void);

void app_main(void)
{
    library();
}
